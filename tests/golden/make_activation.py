"""Write activation.npz: PyTorch's activations and their gradients in float64; needs PyTorch."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

LAYERS = {
    "LeakyReLU": nn.LeakyReLU(),
    "LeakyReLU(negative_slope=0.2)": nn.LeakyReLU(negative_slope=0.2),
    "ELU": nn.ELU(),
    "ELU(alpha=0.5)": nn.ELU(alpha=0.5),
    "GELU": nn.GELU(),
    "GELU(approximate='tanh')": nn.GELU(approximate="tanh"),
    "SiLU": nn.SiLU(),
    "Sigmoid": nn.Sigmoid(),
    "Tanh": nn.Tanh(),
    "Softplus": nn.Softplus(),
    "Softplus(beta=2.5, threshold=4.0)": nn.Softplus(beta=2.5, threshold=4.0),
    "HardSwish": nn.Hardswish(),
    "SELU": nn.SELU(),
    "Mish": nn.Mish(),
    "LogSoftmax": nn.LogSoftmax(dim=1),
    "Softmax(axis=1)": nn.Softmax(dim=1),
}

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x, dy = 4 * rng.standard_normal((12, 8)), rng.standard_normal((12, 8))
    x[0] = [0, -3, 3, 25, -25, 1e-9, -1e-9, 1]
    arrays = {"versions": np.array(f"PyTorch {torch.__version__}"), "x": x, "dy": dy}
    for name, layer in LAYERS.items():
        given = torch.tensor(x, requires_grad=True)
        y = layer(given)
        y.backward(torch.tensor(dy))
        arrays |= {f"{name}.y": y.detach().numpy(), f"{name}.dx": given.grad.numpy()}
    np.savez_compressed(Path(__file__).with_name("activation.npz"), **arrays)
