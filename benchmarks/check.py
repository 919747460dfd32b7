"""Check first, then time: what a contestant computed against what an oracle computed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

Outcome = Mapping[str, Any]
"""Named arrays; those whose names agree up to the first dot, as "gradient.0" and "gradient.1", are a group."""

NOISE = 1e-5
"""An array so much smaller than its group's largest is rounding noise, as the gradient of a convolution's bias before
batch normalization is."""


class CheckError(AssertionError):
    """A contestant's result isn't the oracle's: its time would mean nothing."""


def compare(
    case: str,
    oracle: str,
    expected: Outcome,
    contestant: str,
    got: Outcome,
    *,
    tolerance: float | Mapping[str, float],
    absolute: float = 0.0,
) -> None:
    """Raise CheckError unless each array that both have differs by at most `tolerance` times its size, and `absolute`.

    An array by itself is compared element by element, its size is its largest value. Arrays in a group, the gradients
    of a whole network, are compared by their Euclidean norms: where two numbers are equal but for rounding, a ReLU or
    a pool deep inside may choose otherwise, and move single elements by more than rounding. `tolerance` may be one
    for each group.
    """
    scales: dict[str, float] = {}
    for name, want in expected.items():
        scales[_group(name)] = max(scales.get(_group(name), 0.0), _size(name, want))
    shared = [name for name in expected if name in got]
    if expected and got and not shared:
        raise CheckError(f"{case}: {contestant} computed {sorted(got)}, and {oracle} {sorted(expected)}")
    for name in shared:
        want, value = np.asarray(expected[name], np.float64), np.asarray(got[name], np.float64)
        if value.shape != want.shape:
            raise CheckError(f"{case}: {name} of {contestant} has shape {value.shape}, that of {oracle} {want.shape}")
        share = tolerance if isinstance(tolerance, float) else tolerance[_group(name)]
        bound = share * _size(name, want) + NOISE * scales[_group(name)] + absolute
        error = _size(name, value - want)
        if not error <= bound:  # so that NaN fails
            raise CheckError(
                f"{case}: {name} of {contestant} differs from that of {oracle} by {error:.3g}, more than {bound:.3g}"
            )


def _group(name: str) -> str:
    return name.partition(".")[0]


def _size(name: str, array: Any) -> float:
    array = np.asarray(array, np.float64)
    return float(np.sqrt(np.square(array).sum()) if "." in name else np.max(np.abs(array), initial=0.0))
