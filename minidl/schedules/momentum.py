"""The momentum of an optimizer, or the first of its betas, for schedules that move it against the rate."""

from typing import Any

from minidl.numeric import in_range


def check_momenta(optimizer: Any, *, cycle_momentum: bool, base_momentum: float, max_momentum: float) -> None:
    """Raise ValueError where an optimizer has no momentum to move, and for momenta out of range."""
    has_momentum = bool(getattr(optimizer, "momentum", 0)) or hasattr(optimizer, "betas")
    if cycle_momentum and not has_momentum:
        raise ValueError("cycle_momentum: the optimizer has no momentum; use cycle_momentum=False")
    for name, momentum in (("base_momentum", base_momentum), ("max_momentum", max_momentum)):
        if not in_range(momentum, above=True) or momentum >= 1:
            raise ValueError(f"{name}: expected a number above 0 and below 1, got {momentum!r}")


def set_momentum(optimizer: Any, momentum: float) -> None:
    """Give the optimizer this momentum, or this first beta."""
    if hasattr(optimizer, "betas"):
        optimizer.betas = (momentum, *optimizer.betas[1:])
    else:
        optimizer.momentum = momentum
