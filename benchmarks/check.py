"""Check first, then time: what a contestant computed against what an oracle computed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Outcome = Mapping[str, Any]
"""Named arrays. Those whose names agree up to the first dot, as "gradient.0" and "gradient.1", have one scale."""

NOISE = 1e-5
"""An array whose values are this much smaller than its group's largest is rounding noise, as a convolution's bias
gradient before batch normalization is."""


class CheckError(AssertionError):
    """A contestant's result isn't the oracle's: its time would mean nothing."""


def compare(case: str, oracle: str, expected: Outcome, contestant: str, got: Outcome, *, tolerance: float) -> None:
    """Raise CheckError unless each array that both have differs by at most `tolerance` times its largest value."""
    scales: dict[str, float] = {}
    for name, want in expected.items():
        group = name.partition(".")[0]
        scales[group] = max(scales.get(group, 0.0), _largest(want))
    shared = [name for name in expected if name in got]
    if expected and got and not shared:
        raise CheckError(f"{case}: {contestant} computed {sorted(got)}, and {oracle} {sorted(expected)}")
    for name in shared:
        want, value = np.asarray(expected[name], np.float64), np.asarray(got[name], np.float64)
        if value.shape != want.shape:
            raise CheckError(f"{case}: {name} of {contestant} has shape {value.shape}, that of {oracle} {want.shape}")
        bound = tolerance * _largest(want) + NOISE * scales[name.partition(".")[0]]
        error = float(np.max(np.abs(value - want), initial=0.0))
        if not error <= bound:  # so that NaN fails
            raise CheckError(
                f"{case}: {name} of {contestant} differs from that of {oracle} by {error:.3g}, more than {bound:.3g}"
            )


def _largest(array: Any) -> float:
    return float(np.max(np.abs(np.asarray(array, np.float64)), initial=0.0))
