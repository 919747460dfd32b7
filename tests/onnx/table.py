"""Writes docs/onnx.md: which of ONNX's cases minidl passes, and which are left out and why.

Run after a change of operators or rules, from the root of the repository: python -m tests.onnx.table
"""

from collections import Counter, defaultdict
from pathlib import Path

import onnx

import minidl
from tests.onnx import rules, translation
from tests.onnx.cases import ATOL, RTOL

PAGE = Path(__file__).parent.parent.parent / "docs" / "onnx.md"

OURS = {
    "Adagrad": "Adagrad",
    "Adam": "Adam",
    "AveragePool": "functional.average_pool2d",
    "BatchNormalization": "BatchNorm2D, BatchNorm1D",
    "Concat": "Concatenate",
    "Conv": "functional.conv2d, functional.conv1d",
    "ConvTranspose": "functional.conv_transpose2d",
    "Dropout": "Dropout",
    "Elu": "functional.elu",
    "Flatten": "Flatten",
    "Gather": "functional.embedding",
    "Gelu": "functional.gelu",
    "Gemm": "functional.dense",
    "GlobalAveragePool": "functional.global_average_pool2d",
    "GlobalMaxPool": "functional.global_max_pool2d",
    "GroupNormalization": "GroupNorm",
    "HardSwish": "functional.hard_swish",
    "LayerNormalization": "LayerNorm",
    "LeakyRelu": "functional.leaky_relu",
    "LogSoftmax": "functional.log_softmax",
    "MatMul": "functional.dense",
    "MaxPool": "functional.max_pool2d, functional.max_pool1d",
    "Momentum": "SGD",
    "NegativeLogLikelihoodLoss": "Loss",
    "Pad": "functional.zero_pad2d",
    "Relu": "functional.relu",
    "Sigmoid": "functional.sigmoid",
    "Softmax": "functional.softmax",
    "SoftmaxCrossEntropyLoss": "CrossEntropy",
    "Softplus": "functional.softplus",
    "Swish": "functional.silu",
    "Tanh": "functional.tanh",
    "Upsample": "functional.upsample2d",
}
"""What of minidl's computes each of ONNX's operators."""

TEXT = """\
# ONNX's cases

Do minidl's operators compute what ONNX says they should? ONNX brings cases for those who implement it: a model of one
operator, inputs, and the outputs expected. For the operators that minidl has there are {cases} in ONNX {version}, among
them models that PyTorch exported. `tests/onnx` runs them on the backends `compiled` and `vectorized`, and small ones on
`reference`, but for those that a rule leaves out. An output counts as right if its shape and dtype are the case's, and
its numbers within the case's own tolerance, {rtol:g} of them and {atol:g}.

minidl doesn't read ONNX files. The tests translate each node into calls of what the second column names: attributes
become arguments, and what an operator hasn't is put together from others. A border on one side alone, as `auto_pad`
`SAME_LOWER` makes it where an odd number of rows or columns is added, comes from `zero_pad2d`:

```pycon
>>> import numpy as np
>>> from minidl import functional as F
>>> x, w = np.ones((1, 1, 4, 4), np.float32), np.ones((1, 1, 3, 3), np.float32)
>>> y, _ = F.conv2d(x, w, stride=2, padding="same")  # SAME_UPPER
>>> y[0, 0].tolist()
[[9.0, 6.0], [6.0, 4.0]]
>>> y, _ = F.conv2d(F.zero_pad2d(x, ((1, 0), (1, 0)))[0], w, stride=2)
>>> y[0, 0].tolist()
[[4.0, 6.0], [6.0, 9.0]]
```

A node that says something that the translation doesn't heed is an error. Left out are cases that ask for what minidl
doesn't do, by rules, whose reasons the last column gives with the number of cases.

This page is written by `python -m tests.onnx.table`, and a test compares it with what that gives.

| ONNX | minidl | cases | run | passed | left out |
|---|---|--:|--:|--:|---|
{rows}

## Where ONNX differs

Attributes mean something else than the arguments of the same name here and in PyTorch:

- `BatchNormalization`: `momentum` is how much of the running statistics stays, 1 less ours, and the running variance
  takes in the batch's biased variance, where PyTorch and minidl take the unbiased one.
- `LayerNormalization` also gives the means, and 1 over the deviations; `LayerNorm` keeps them to itself.
- `GlobalAveragePool` and `GlobalMaxPool` give images of one pixel, (n, c, 1, 1), as ours do with `keepdims=True`; else
  they give (n, c).
- `AveragePool` leaves its border out of the means unless told to count it; PyTorch and minidl count it unless told not
  to.
- `ConvTranspose` may be given the size of its output in the place of a border, which follows from it.
- `auto_pad`: our "same" is `SAME_UPPER`. `SAME_LOWER` is a border by `zero_pad2d`, or, for pools, "same" of images
  turned round.
- `SoftmaxCrossEntropyLoss` ignores a label, which needn't be a class; here such samples have a `sample_weight` of 0.
  The mean divides by the sum of the weights of the labels that count, in ONNX, PyTorch and minidl.
- `NegativeLogLikelihoodLoss` takes log-probabilities, of which `CrossEntropy` is the same. ONNX's cases give it any
  numbers; they run as a custom loss that defines `each`.
- `Momentum` has a `beta`, of how much of a gradient goes into the velocity after step 0; it's 1 less the `dampening` of
  PyTorch and `SGD`.
- `Adam` adds `epsilon` before the second moment is corrected for its start at zero; PyTorch and minidl add it after.
  ONNX counts steps from 0, and corrects nothing in step 0.
- `Adagrad` counts steps from 0, PyTorch and minidl from 1.
- `Softmax` and `LogSoftmax` before version 13 go over all axes from `axis` on.
"""


def make() -> str:
    """The page's text, from running every case."""
    by_operator = defaultdict(list)
    for case, node in rules.our_cases():
        by_operator[node.operator].append((case, rules.reason_against(case, node)))
    rows, total = [], 0
    for operator, found in sorted(by_operator.items()):
        total += len(found)
        running = [case for case, reason in found if reason is None]
        passed = sum(passes(case) for case in running)
        left_out = Counter(reason for _, reason in found if reason is not None)
        reasons = "; ".join(f"{count}: {reason}" for reason, count in left_out.items())
        ours = ", ".join(f"`{name}`" for name in OURS[operator].split(", "))
        rows.append(f"| `{operator}` | {ours} | {len(found)} | {len(running)} | {passed} | {reasons} |")
    version = ".".join(onnx.__version__.split(".")[:2])
    return TEXT.format(cases=total, version=version, rtol=RTOL, atol=ATOL, rows="\n".join(rows))


def passes(case: rules.Case) -> bool:
    """Whether minidl gives what the case expects, on every backend that runs it."""
    for backend in ("compiled", "vectorized", "reference"):
        if backend != "reference" or rules.is_small(case):
            with minidl.use_backend(backend):
                try:
                    translation.check(case)
                except AssertionError:
                    return False
    return True


if __name__ == "__main__":
    PAGE.write_text(make(), "utf-8")
    print(PAGE)
