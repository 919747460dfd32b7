"""What a network computes, as plain data: nodes with an operator, their inputs and a shape."""
