"""Write resnet20.npz: scores of PyTorch with the weights that akamaster/pytorch_resnet_cifar10 publishes.

The weights, resnet20-12fca82f.th (BSD-2-Clause), are read from ../shared/models/torch and are no part of this project.

Run with PyTorch installed: python tests/golden/make_resnet20.py
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import pad, relu

HERE = Path(__file__).resolve()
WEIGHTS = HERE.parents[3] / "shared" / "models" / "torch" / "resnet20-12fca82f.th"


class Block(nn.Module):
    """Two convolutions, and a shortcut without parameters: the paper's option A."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.stride, self.zeros = stride, (filters - channels) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(y + pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.zeros, self.zeros)))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(Block(16, 16, 1), Block(16, 16, 1), Block(16, 16, 1))
        self.layer2 = nn.Sequential(Block(16, 32, 2), Block(32, 32, 1), Block(32, 32, 1))
        self.layer3 = nn.Sequential(Block(32, 64, 2), Block(64, 64, 1), Block(64, 64, 1))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer3(self.layer2(self.layer1(relu(self.bn1(self.conv1(x))))))
        return self.linear(y.mean((2, 3)))


if __name__ == "__main__":
    state = torch.load(WEIGHTS, weights_only=True, map_location="cpu")["state_dict"]
    network = Network()
    network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    network.eval()
    images = np.random.default_rng(0).standard_normal((8, 3, 32, 32), np.float32)
    with torch.no_grad():
        np.savez(HERE.parent / "resnet20.npz", scores=network(torch.from_numpy(images)).numpy())
