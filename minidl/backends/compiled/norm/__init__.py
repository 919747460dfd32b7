"""Batch normalization and group normalization."""
