"""What each framework does in a suite. A function here is run in its own worker, and makes a Job."""

CHECKED_STEPS = 5
"""The training steps whose losses are compared."""
CHECKED_RATE = 1e-3
TIMED_RATE = 1e-6
"""So small that thousands of steps on one batch leave ordinary numbers: no loss of zero, no subnormal gradients."""
