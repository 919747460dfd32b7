"""Whole networks as one program forward and one backward."""
