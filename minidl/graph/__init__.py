"""Networks as graphs: layers called on nodes, and what is made of them."""
