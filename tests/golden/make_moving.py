"""Write moving.npz: what PyTorch computes for resizes, borders, reductions and parts, and their gradients.

Run with PyTorch installed: python tests/golden/make_moving.py
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from make_shapes import IMAGE, write
from torch import nn
from torch.nn import functional


class Applied(nn.Module):
    """A function of a tensor, as a layer."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x)


def resized(**how: Any) -> nn.Module:
    return Applied(lambda x: functional.interpolate(x, **how))


CASES = {
    "PixelShuffle": (nn.PixelShuffle(2), (2, 8, 3, 2)),
    "PixelUnshuffle": (nn.PixelUnshuffle(2), (2, 3, 4, 6)),
    "Resize nearest": (resized(size=(7, 3), mode="nearest"), IMAGE),
    "Resize nearest exact": (resized(size=(7, 3), mode="nearest-exact"), IMAGE),
    "Resize linear": (resized(size=(3, 9), mode="bilinear"), IMAGE),
    "Resize linear by a scale": (resized(scale_factor=(1.7, 0.6), mode="bilinear"), IMAGE),
    "Resize linear, corners aligned": (resized(size=(8, 3), mode="bilinear", align_corners=True), IMAGE),
    "Resize cubic": (resized(size=(8, 3), mode="bicubic"), IMAGE),
    "Resize cubic, corners aligned": (resized(size=(3, 7), mode="bicubic", align_corners=True), IMAGE),
    "Pad2D": (nn.ConstantPad2d((1, 2, 0, 3), 0.5), IMAGE),
    "Pad2D reflecting": (nn.ReflectionPad2d((2, 3, 1, 4)), IMAGE),
    "Pad2D of edges": (nn.ReplicationPad2d((5, 0, 1, 2)), IMAGE),
    "ReduceMean": (Applied(lambda x: x.mean((2, 3), keepdim=True)), IMAGE),
    "ReduceSum": (Applied(lambda x: x.sum((1, 2))), IMAGE),
    "ReduceMax": (Applied(lambda x: x.amax((1, 3), keepdim=True)), IMAGE),
    "ReduceL2": (Applied(lambda x: torch.linalg.vector_norm(x, dim=1)), IMAGE),
    "Slice": (Applied(lambda x: x[:, 1:, :, ::2]), IMAGE),
    "Gather": (Applied(lambda x: x.index_select(2, torch.tensor([4, 0, 4, 1]))), IMAGE),
    "Expand": (Applied(lambda x: x.expand(2, 3, 5, 4)), (2, 3, 1, 4)),
}


if __name__ == "__main__":
    write(CASES, Path(__file__).with_name("moving.npz"))
