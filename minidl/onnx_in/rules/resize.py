"""Images of another size."""

from fractions import Fraction
from typing import Any

import numpy as np

from minidl import layers
from minidl.errors import FormatError
from minidl.layers.resize import UpSample2D
from minidl.onnx_in.proto import Operation
from minidl.onnx_in.translate import Translation
from minidl.onnx_in.values import Tensor, UnsettledError, Value


def upsample(t: Translation, node: Operation, x: Value, scales: Value | None = None) -> Tensor:
    """Upsample, of old versions."""
    given = node.get("scales") if scales is None else np.ravel(t.fixed(scales)).tolist()
    tensor = t.batched(x)
    mode = {"bilinear": "linear"}.get(node.get("mode", "nearest"), node.get("mode", "nearest"))
    return _resized(t, tensor, _spatial(tensor, given), None, mode, "asymmetric", "floor")


def resize(t: Translation, node: Operation, x: Value, *rest: Value | None) -> Tensor:
    """Resize by scales or to sizes, which may depend on those of images as long as their ratio doesn't."""
    tensor = t.batched(x)
    values = [*rest, None, None, None]
    roi, scales, sizes = values[:3] if node.opset > 10 else (None, values[0], None)
    del roi  # for a mode that isn't there
    mode = node.get("mode", "nearest")
    modern = node.opset > 10
    coordinates = node.get("coordinate_transformation_mode", "half_pixel" if modern else "asymmetric")
    rounding = node.get("nearest_mode", "round_prefer_floor" if modern else "floor")
    node.get("extrapolation_value")
    for name, usual in (("cubic_coeff_a", -0.75), ("exclude_outside", 0), ("antialias", 0)):
        if node.get(name, usual) != usual:
            raise FormatError(f"{name}: expected {usual}, got {node.attributes[name]}")
    policy = node.get("keep_aspect_ratio_policy", "stretch")
    axes = [axis % tensor.rank for axis in node.get("axes") or range(tensor.rank)]
    if scales is not None and any(map(len, (array for array in _arrays(scales)))):
        factors = np.ones(tensor.rank)
        factors[axes] = [float(str(each)) for each in np.ravel(t.fixed(scales, "the scales"))]  # 1.7, not 1.7000000477
        return _resized(t, tensor, _spatial(tensor, factors.tolist()), None, mode, coordinates, rounding)
    if sizes is None:
        raise FormatError("expected scales or sizes")
    goals = []
    for own, given in zip(tensor.shapes, t.target(sizes), strict=True):
        goal = list(own)
        if policy != "stretch":
            ratios = [size / own[axis] for axis, size in zip(axes, given, strict=True)]
            ratio = min(ratios) if policy == "not_larger" else max(ratios)
            given = [int(ratio * own[axis] + 0.5) for axis in axes]
        for axis, size in zip(axes, given, strict=True):
            goal[axis] = size
        if goal[:2] != list(own[:2]):
            raise FormatError(f"expected images' height and width to change, got {goal} of {list(own)}")
        goals.append(tuple(goal[2:]))
    return _to_sizes(t, tensor, goals, mode, coordinates, rounding)


def _arrays(value: Value) -> list[Any]:
    if isinstance(value, Tensor):
        raise FormatError("its scales depend on the numbers that the network is given")
    return [np.ravel(array) for array in value.arrays]


def _spatial(tensor: Tensor, scales: list[float]) -> list[float]:
    if len(scales) != tensor.rank or list(scales[:2]) != [1, 1] or min(scales) <= 0:
        raise FormatError(f"expected scales of height and width, after 1 and 1, got {scales}")
    return list(scales[2:])


def _to_sizes(
    t: Translation, x: Tensor, goals: list[tuple[int, ...]], mode: str, coordinates: str, rounding: str
) -> Tensor:
    """The tensor as large as that: by factors where these are the same for all sizes."""
    own = [shape[2:] for shape in x.shapes]
    factors = []
    for i in range(len(goals[0])):
        ratios = {Fraction(goal[i], size[i]) for goal, size in zip(goals, own, strict=True)}
        factors.append(ratios.pop() if len(ratios) == 1 else None)
    exact = [factor for factor in factors if factor is not None and factor.denominator in (1, 2, 4, 8, 16, 32)]
    if len(exact) == len(factors):
        return _resized(t, x, [float(factor) for factor in exact], None, mode, coordinates, rounding)
    if len(set(goals)) > 1:
        raise UnsettledError("its size depends on that of images otherwise than by a factor")
    return _resized(t, x, None, goals[0], mode, coordinates, rounding)


def _resized(
    t: Translation,
    x: Tensor,
    scale: list[float] | None,
    size: tuple[int, ...] | None,
    mode: str,
    coordinates: str,
    rounding: str,
) -> Tensor:
    if x.rank == 3:  # sequences are images that are 1 high
        images = t.reshape(x, [(shape[0], 1, shape[1]) for shape in x.samples])
        y = _resized(t, images, scale and [1.0, *scale], size and (1, *size), mode, coordinates, rounding)
        return t.reshape(y, [(shape[0], shape[2]) for shape in y.samples])
    if x.rank != 4:
        raise FormatError(f"expected images (n, c, h, w), got {x.rank} axes")
    if mode not in ("nearest", "linear", "cubic"):
        raise FormatError(f"mode: expected nearest, linear or cubic, got {mode!r}")
    if scale is not None and all(factor == 1 for factor in scale):
        return x
    whole = scale is not None and all(factor >= 1 and factor == int(factor) for factor in scale)
    if whole and scale is not None:
        factors = tuple(map(int, scale))
        same: Any = factors[0] if len(set(factors)) == 1 else factors
        repeats = (coordinates, rounding) == ("asymmetric", "floor") or (
            coordinates in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric")
            and rounding in ("round_prefer_floor", "round_prefer_ceil")
        )
        if mode == "nearest" and repeats:
            return t.add(UpSample2D(same), x)
        if mode == "linear" and coordinates in ("half_pixel", "half_pixel_symmetric"):
            return t.add(UpSample2D(same, interpolation="bilinear"), x)
    how: dict[str, Any] = {"interpolation": mode, "coordinates": coordinates}
    if mode == "nearest":
        how["rounding"] = rounding
    if scale is not None:
        return t.add(layers.Resize(scale=(scale[0], scale[1]), **how), x)
    return t.add(layers.Resize(None if size is None else (size[0], size[1]), **how), x)


RULES: dict[str, Any] = {"Resize": resize, "Upsample": upsample}
