"""Convolution with pixels in the lanes of a vector, for few filters, and its weights' gradient."""
