"""Write blocks.npz: what PyTorch computes for products, responses and excitations, and their gradients.

Run with PyTorch installed: python tests/golden/make_blocks.py
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

IMAGE = (2, 6, 4, 5)


class Excitation(nn.Module):
    """Squeeze and excitation, with torchvision's names."""

    def __init__(self, channels: int, squeezed: int, gate: nn.Module) -> None:
        super().__init__()
        self.fc1, self.fc2, self.gate = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1), gate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(self.fc2(torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))))


class Product(nn.Module):
    """x times its tanh, whose last axes are exchanged."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ torch.tanh(x.transpose(2, 3))


CASES = {
    "InstanceNorm2D": (nn.InstanceNorm2d(6, affine=True), IMAGE),
    "InstanceNorm2D alone": (nn.InstanceNorm2d(6, eps=1e-3), IMAGE),
    "LocalResponseNorm": (nn.LocalResponseNorm(5, alpha=0.3, k=2.0), IMAGE),
    "LocalResponseNorm to another power": (nn.LocalResponseNorm(3, alpha=0.3, beta=0.6), IMAGE),
    "SqueezeExcite": (Excitation(6, 2, nn.Sigmoid()), IMAGE),
    "SqueezeExcite by a hard sigmoid": (Excitation(6, 1, nn.Hardsigmoid()), IMAGE),
    "MatMul": (Product(), IMAGE),
}


def main() -> None:
    generator = torch.Generator().manual_seed(0)
    arrays = {"torch": np.array(torch.__version__)}
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
    arrays = {key: value.numpy().astype("f4") if torch.is_tensor(value) else value for key, value in arrays.items()}
    np.savez_compressed(Path(__file__).with_name("blocks.npz"), **arrays)


if __name__ == "__main__":
    main()
