"""Convolutions: their plans, and a room for each strategy."""
