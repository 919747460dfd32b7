"""Convolution with 3 x 3 filters by Winograd's F(4 x 4, 3 x 3), and its gradients."""
