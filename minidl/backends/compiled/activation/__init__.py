"""Activations, softmax and cross-entropy."""
