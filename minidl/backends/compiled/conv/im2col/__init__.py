"""Convolution by an im2col that is never built, and its gradients."""
