"""What each framework does in a suite. A function here is run in its own worker, and makes a Job."""

CHECKED_STEPS = 5
"""The training steps whose losses are compared."""
TIMED_RATE = 1e-6
"""So small that thousands of steps on one batch leave ordinary numbers: no loss of zero, no subnormal gradients."""


def checked_rate(parameters: int) -> float:
    """The learning rate of the steps whose losses are compared, for a network of so many parameters.

    Adam moves each of them by as much: with millions, the loss would fall to a hundredth in five steps of 1e-3, and
    rounding would grow with it.
    """
    return 1e-3 if parameters < 100_000 else 1e-4
