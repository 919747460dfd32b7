"""Write formulas.npz: PyTorch's elementary functions and their gradients in float64; needs PyTorch."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

ANYWHERE = {
    "Abs()": torch.abs,
    "Clip(low=-1.5, high=2.0)": nn.Hardtanh(-1.5, 2.0),
    "Erf()": torch.erf,
    "Exp()": torch.exp,
    "HardSigmoid()": lambda x: nn.functional.hardtanh(x / 6 + 0.5, 0, 1),  # nn.Hardsigmoid has 1 / 6 in float32
    "Negative()": torch.neg,
    "Power(2)": lambda x: x**2,
    "Power(3)": lambda x: x**3,
    "Power(5)": lambda x: x**5,
    "Power(-2)": lambda x: x**-2,
    "Power(0)": lambda x: x**0,
    "Power(2.25)": lambda x: x**2.25,
    "ReLU6()": nn.ReLU6(),
    "Reciprocal()": torch.reciprocal,
}
ABOVE_0 = {
    "Log()": torch.log,
    "Power(0.5)": lambda x: x**0.5,
    "Power(0.25)": lambda x: x**0.25,
    "Power(-1.5)": lambda x: x**-1.5,
    "Sqrt()": torch.sqrt,
}

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((12, 8)).astype(np.float32).astype(np.float64) for _ in range(2))
    x *= 4
    x[0] = [0, -3.5, 3.5, 25, -25, 2.0**-30, -(2.0**-30), 1]
    x[1] = [6, -6, 2, -1.5, 0.5, -0.5, 8, 1.5]
    arrays = {"versions": np.array(f"PyTorch {torch.__version__}"), "x": x, "dy": dy}
    for name, function in (ANYWHERE | ABOVE_0).items():
        given = torch.tensor(abs(x) if name in ABOVE_0 else x, requires_grad=True)
        y = function(given)
        y.backward(torch.tensor(dy))
        arrays |= {f"{name}.y": y.detach().numpy(), f"{name}.dx": given.grad.numpy()}
    np.savez_compressed(Path(__file__).with_name("formulas.npz"), **arrays)
