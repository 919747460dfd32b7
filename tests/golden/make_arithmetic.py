"""Write arithmetic.npz: PyTorch's operators of two and three arrays and their gradients in float64; needs PyTorch."""

from pathlib import Path

import numpy as np
import torch

OPERATORS = {
    "Add": torch.add,
    "Divide": torch.div,
    "Maximum": torch.maximum,
    "Minimum": torch.minimum,
    "Multiply": torch.mul,
    "Pow": torch.pow,
    "Subtract": torch.sub,
    "Where": lambda condition, x, y: torch.where(condition != 0, x, y),
}

if __name__ == "__main__":
    rng = np.random.default_rng(0)

    def drawn(*shape):
        return np.round(4 * rng.standard_normal(shape)) / 4  # with zeros, and equal ones

    arrays = {"versions": np.array(f"PyTorch {torch.__version__}")}
    for name, function in OPERATORS.items():
        inputs = [drawn(2, 3, 4, 5), drawn(2, 3, 1, 1), drawn(2, 1, 4, 5)]
        inputs = inputs if name == "Where" else inputs[:2]
        if name == "Divide":
            inputs[1] += 0.125
        tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
        y = function(*tensors)
        dy = drawn(*y.shape)
        y.backward(torch.tensor(dy))
        gradients = [
            np.zeros_like(x) if t.grad is None else t.grad.numpy() for t, x in zip(tensors, inputs, strict=True)
        ]
        arrays |= {f"{name}.dy": dy, f"{name}.y": y.detach().numpy()}
        arrays |= {f"{name}.x{i}": x for i, x in enumerate(inputs)} | {
            f"{name}.dx{i}": x for i, x in enumerate(gradients)
        }
    x, dy, weight = drawn(2, 3, 4, 5), drawn(2, 3, 4, 5), torch.tensor(drawn(3), requires_grad=True)
    given = torch.tensor(x, requires_grad=True)
    y = torch.nn.functional.prelu(given, weight)
    y.backward(torch.tensor(dy))
    arrays |= {"PReLU.x0": x, "PReLU.dy": dy, "PReLU.y": y.detach().numpy(), "PReLU.dx0": given.grad.numpy()}
    arrays |= {"PReLU.weight": weight.detach().numpy(), "PReLU.dweight": weight.grad.numpy()}
    np.savez_compressed(Path(__file__).with_name("arithmetic.npz"), **arrays)
