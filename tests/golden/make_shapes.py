"""Write shapes.npz: what PyTorch computes for convolutions and layers that move values about, and their gradients.

Run with PyTorch installed: python tests/golden/make_shapes.py
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn


class Shortcut(nn.Module):
    """A residual block with a projection, as minidl's `Residual` has it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
        self.projection = nn.Sequential(nn.Conv2d(3, 4, 1, stride=2, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x) + self.projection(x)


class Beside(nn.Module):
    """Branches, stacked along the channels or added."""

    def __init__(self, branches: list[nn.Module], add: bool) -> None:
        super().__init__()
        self.branches, self.add = nn.ModuleList(branches), add

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = [branch(x) for branch in self.branches]
        return sum(outputs[1:], outputs[0]) if self.add else torch.cat(outputs, 1)


class Axes(nn.Module):
    """The axes of each sample, counted from 1, in another order."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, *self.axes)


def separable(bias: bool) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, groups=3, bias=False), nn.Conv2d(6, 4, 1, bias=bias)
    )  # fmt: skip


IMAGE, SEQUENCE = (2, 3, 5, 4), (2, 4, 9)
CASES = {
    "ConvTranspose2D": (nn.ConvTranspose2d(3, 4, 3), IMAGE),
    "ConvTranspose2D strided": (nn.ConvTranspose2d(3, 2, (4, 3), stride=2, padding=1, output_padding=(0, 1)), IMAGE),
    "ConvTranspose2D grouped": (
        nn.ConvTranspose2d(4, 6, 2, stride=(1, 3), padding=(1, 0), dilation=2, groups=2, bias=False),
        (2, 4, 4, 3),
    ),
    "DepthwiseConv2D": (nn.Conv2d(3, 6, (3, 2), stride=2, padding=1, groups=3), IMAGE),
    "SeparableConv2D": (separable(bias=True), IMAGE),
    "Conv1D": (nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), SEQUENCE),
    "Conv1D same": (nn.Conv1d(4, 3, 4, padding="same", bias=False), SEQUENCE),
    "MaxPool1D": (nn.MaxPool1d(3, stride=2, padding=1), SEQUENCE),
    "ZeroPad2D": (nn.ZeroPad2d((2, 0, 1, 3)), IMAGE),
    "UpSample2D": (nn.Upsample(scale_factor=(2, 3)), IMAGE),
    "UpSample2D bilinear 2": (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), IMAGE),
    "UpSample2D bilinear 3": (nn.Upsample(scale_factor=(3, 4), mode="bilinear", align_corners=False), IMAGE),
    "Reshape": (nn.Unflatten(1, (2, 3, 4)), (2, 24)),
    "Permute": (Axes(3, 1, 2), IMAGE),
    "Embedding": (nn.Embedding(7, 3), (4, 5)),
    "Concatenate": (
        Beside([nn.Conv2d(3, 2, 1), nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()), nn.Identity()], add=False),
        IMAGE,
    ),
    "Add": (Beside([nn.Conv2d(3, 3, 1), nn.Sequential(nn.Conv2d(3, 3, 3, padding=1)), nn.Identity()], add=True), IMAGE),
    "Residual": (Shortcut(), (2, 3, 6, 5)),
    "AveragePool1D": (nn.AvgPool1d(3, stride=2, padding=1), SEQUENCE),
    "AveragePool1D of values alone": (nn.AvgPool1d(2, stride=3, padding=1, count_include_pad=False), SEQUENCE),
    "GlobalAveragePool1D": (nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten()), SEQUENCE),
    "GlobalMaxPool1D": (nn.Sequential(nn.AdaptiveMaxPool1d(1), nn.Flatten()), SEQUENCE),
    "Conv2D padded unequally": (nn.Sequential(nn.ZeroPad2d((1, 3, 2, 0)), nn.Conv2d(3, 4, 3, stride=2)), IMAGE),
    "ConvTranspose2D padded unequally": (
        nn.Sequential(nn.ConvTranspose2d(3, 2, 3), nn.ZeroPad2d((-1, 0, -2, -1))),
        IMAGE,
    ),
    "Conv1D padded unequally": (nn.Sequential(nn.ConstantPad1d((3, 1), 0.0), nn.Conv1d(4, 2, 3)), SEQUENCE),
    "Conv1D causal": (nn.Sequential(nn.ConstantPad1d((4, 0), 0.0), nn.Conv1d(4, 6, 3, dilation=2, groups=2)), SEQUENCE),
    "ConvTranspose1D": (nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), SEQUENCE),
    "ConvTranspose1D dilated": (nn.ConvTranspose1d(4, 2, 2, stride=3, dilation=2, bias=False), SEQUENCE),
    "DepthwiseConv1D": (nn.Conv1d(4, 8, 3, stride=2, padding=1, groups=4), SEQUENCE),
    "SeparableConv1D": (
        nn.Sequential(nn.Conv1d(4, 8, 3, padding=1, groups=4, bias=False), nn.Conv1d(8, 3, 1)),
        SEQUENCE,
    ),
    "Embedding with padding": (nn.Embedding(7, 3, padding_idx=2), (4, 5)),
}


def write(cases: dict[str, tuple[nn.Module, tuple[int, ...]]], path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    arrays = {"torch": np.array(torch.__version__)}
    for name, (module, shape) in cases.items():
        module = module.double()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        if isinstance(module, nn.Embedding):
            x = torch.randint(module.num_embeddings, shape, generator=generator)
        else:
            x = torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        y = module(x)
        dy = torch.randn(y.shape, generator=generator, dtype=torch.float64)
        y.backward(dy)
        arrays |= {f"{name}/x": x.detach().numpy(), f"{name}/y": y.detach().numpy(), f"{name}/dy": dy.numpy()}
        if x.grad is not None:
            arrays[f"{name}/dx"] = x.grad.numpy()
        for key, parameter in module.named_parameters():
            arrays[f"{name}/value/{key}"] = parameter.detach().numpy()
            arrays[f"{name}/grad/{key}"] = parameter.grad.numpy()
    floats = {key: value.astype(np.float32) if value.dtype == np.float64 else value for key, value in arrays.items()}
    np.savez_compressed(path, **floats)


if __name__ == "__main__":
    write(CASES, Path(__file__).with_name("shapes.npz"))
