"""Described networks, prepared by a backend: kept for the next call, lent to one batch at a time."""
