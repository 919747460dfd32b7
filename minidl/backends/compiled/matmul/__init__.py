"""The matrix product that every layer with weights is made of."""
