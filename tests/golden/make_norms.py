"""Write norms.npz: what PyTorch computes for pooling by averages, whole images and normalization, and gradients.

Run with PyTorch installed: python tests/golden/make_norms.py
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

IMAGE = (2, 3, 7, 5)


class OfChannels(nn.LayerNorm):
    """Over the channels of each pixel, as torchvision's LayerNorm2d."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


CASES = {
    "AveragePool2D": (nn.AvgPool2d(2), IMAGE),
    "AveragePool2D padded": (nn.AvgPool2d((3, 2), stride=(2, 1), padding=(1, 1)), IMAGE),
    "AveragePool2D of pixels alone": (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), IMAGE),
    "AdaptiveAveragePool2D": (nn.AdaptiveAvgPool2d((3, 2)), IMAGE),
    "AdaptiveAveragePool2D larger": (nn.AdaptiveAvgPool2d((9, 5)), IMAGE),
    "GlobalAveragePool2D": (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), IMAGE),
    "GlobalMaxPool2D": (nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()), IMAGE),
    "LayerNorm of vectors": (nn.LayerNorm(21), (3, 21)),
    "LayerNorm of sequences": (nn.LayerNorm((4, 9), eps=1e-3), (3, 4, 9)),
    "LayerNorm of images": (nn.LayerNorm((3, 7, 5)), IMAGE),
    "GroupNorm": (nn.GroupNorm(2, 6), (2, 6, 5, 3)),
    "GroupNorm of sequences": (nn.GroupNorm(3, 6, eps=1e-2), (2, 6, 7)),
    "GroupNorm of vectors": (nn.GroupNorm(4, 12), (3, 12)),
    "GroupNorm by channel": (nn.GroupNorm(3, 3), IMAGE),
    "BatchNorm1D": (nn.BatchNorm1d(5), (6, 5)),
    "BatchNorm1D of sequences": (nn.BatchNorm1d(4, momentum=0.3, eps=1e-3), (3, 4, 5)),
    "BatchNorm2D": (nn.BatchNorm2d(3), IMAGE),
    "BatchNorm2D alone": (nn.BatchNorm2d(3, affine=False), IMAGE),
    "GroupNorm alone": (nn.GroupNorm(2, 6, affine=False), (2, 6, 5, 3)),
    "LayerNorm alone": (nn.LayerNorm((3, 7, 5), elementwise_affine=False), IMAGE),
    "LayerNorm of features": (nn.LayerNorm(9), (3, 4, 9)),
    "LayerNorm of features without center": (nn.LayerNorm(9, bias=False), (3, 4, 9)),
    "LayerNorm of channels": (OfChannels(5), (2, 5, 3, 4)),
}


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    arrays = {"torch": np.array(torch.__version__), "numpy": np.array(np.__version__)}
    for name, (module, shape) in CASES.items():
        module = module.double()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        x = torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        y = module(x)
        dy = torch.randn(y.shape, generator=generator, dtype=torch.float64)
        y.backward(dy)
        arrays |= {f"{name}/x": x.detach(), f"{name}/y": y.detach(), f"{name}/dy": dy, f"{name}/dx": x.grad}
        for key, parameter in module.named_parameters():
            arrays |= {f"{name}/value/{key}": parameter.detach(), f"{name}/grad/{key}": parameter.grad}
        arrays |= {f"{name}/after/{key}": value for key, value in module.named_buffers() if value.ndim}
    found = {key: np.asarray(value) for key, value in arrays.items()}
    floats = {key: value.astype(np.float32) if value.dtype == np.float64 else value for key, value in found.items()}
    np.savez_compressed(Path(__file__).with_name("norms.npz"), **floats)


if __name__ == "__main__":
    main()
