"""Write pools.npz: what PyTorch computes for poolings that are rounded up, dilated or padded, and their gradients.

Run with PyTorch installed: python tests/golden/make_pools.py
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

IMAGE, SEQUENCE = (2, 3, 9, 8), (2, 3, 13)
CASES = {
    "MaxPool2D rounded up": (nn.MaxPool2d(3, stride=2, ceil_mode=True), IMAGE),
    "MaxPool2D with no window in the padding": (nn.MaxPool2d(2, stride=3, padding=1, ceil_mode=True), IMAGE),
    "MaxPool2D dilated": (nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0), dilation=(2, 3)), IMAGE),
    "MaxPool2D dilated and rounded up": (nn.MaxPool2d(2, stride=3, padding=1, dilation=2, ceil_mode=True), IMAGE),
    "MaxPool2D larger than the image": (nn.MaxPool2d(4, stride=3, ceil_mode=True), (1, 2, 3, 5)),
    "MaxPool2D padded unequally": (nn.Sequential(nn.ConstantPad2d((2, 0, 1, 2), -1e9), nn.MaxPool2d(3)), IMAGE),
    "AveragePool2D rounded up": (nn.AvgPool2d(3, stride=2, ceil_mode=True), IMAGE),
    "AveragePool2D rounded up with padding": (nn.AvgPool2d((4, 3), stride=3, padding=1, ceil_mode=True), IMAGE),
    "AveragePool2D rounded up, of pixels alone": (
        nn.AvgPool2d((4, 3), stride=3, padding=1, ceil_mode=True, count_include_pad=False),
        IMAGE,
    ),
    "MaxPool1D": (nn.MaxPool1d(3, stride=4, padding=1, dilation=2, ceil_mode=True), SEQUENCE),
    "AveragePool1D": (nn.AvgPool1d(4, stride=3, padding=2, ceil_mode=True), SEQUENCE),
    "AveragePool1D of values alone": (
        nn.AvgPool1d(4, stride=3, padding=2, ceil_mode=True, count_include_pad=False),
        SEQUENCE,
    ),
    "GlobalAveragePool2D": (nn.AdaptiveAvgPool2d(1), IMAGE),
    "GlobalMaxPool2D": (nn.AdaptiveMaxPool2d(1), IMAGE),
}


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    arrays = {"torch": np.array(torch.__version__)}
    for name, (module, shape) in CASES.items():
        x = torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        y = module(x)
        dy = torch.randn(y.shape, generator=generator, dtype=torch.float64)
        y.backward(dy)
        arrays |= {f"{name}/x": x.detach(), f"{name}/y": y.detach(), f"{name}/dy": dy, f"{name}/dx": x.grad}
    arrays = {key: value.numpy().astype("f4") if torch.is_tensor(value) else value for key, value in arrays.items()}
    np.savez_compressed(Path(__file__).with_name("pools.npz"), **arrays)


if __name__ == "__main__":
    main()
