"""Scripts by which tests wait for what a page does."""

FRAME = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))"
"""For the next frame: what a reader does is seen from then on."""
