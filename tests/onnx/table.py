"""Writes docs/onnx.md: which of ONNX's cases minidl passes, and which are left out and why.

Run after a change of operators or rules, from the root of the repository: python -m tests.onnx.table
"""

from collections import Counter, defaultdict
from pathlib import Path

import onnx

import minidl
from tests.onnx import rules
from tests.onnx.cases import RTOL
from tests.onnx.imported import ATOL

PAGE = Path(__file__).parent.parent.parent / "docs" / "onnx.md"

OURS = {
    "Abs": "Abs",
    "Adagrad": "Adagrad",
    "Adam": "Adam",
    "Add": "Add, Rescaling, ScaleShift",
    "ArgMax": "ArgMax",
    "ArgMin": "ArgMax",
    "AveragePool": "AveragePool2D, AveragePool1D",
    "BatchNormalization": "BatchNorm2D, BatchNorm1D",
    "Celu": "ELU",
    "Clip": "Clip, ReLU6",
    "Concat": "Concatenate",
    "Conv": "Conv2D, Conv1D",
    "ConvTranspose": "ConvTranspose2D, ConvTranspose1D",
    "DepthToSpace": "PixelShuffle",
    "Div": "Divide, Rescaling, ScaleShift",
    "Dropout": "",
    "Elu": "ELU",
    "Erf": "Erf",
    "Exp": "Exp",
    "Expand": "Expand",
    "Flatten": "Flatten",
    "Gather": "Gather, Embedding, Slice",
    "Gelu": "GELU",
    "Gemm": "Dense",
    "GlobalAveragePool": "GlobalAveragePool2D",
    "GlobalMaxPool": "GlobalMaxPool2D",
    "GroupNormalization": "GroupNorm",
    "HardSigmoid": "HardSigmoid",
    "HardSwish": "HardSwish",
    "InstanceNormalization": "InstanceNorm2D",
    "LRN": "LocalResponseNorm",
    "LayerNormalization": "LayerNorm",
    "LeakyRelu": "LeakyReLU",
    "Log": "Log",
    "LogSoftmax": "LogSoftmax",
    "LpNormalization": "ReduceL2, Divide",
    "MatMul": "Dense, MatMul",
    "Max": "Maximum, Clip",
    "MaxPool": "MaxPool2D, MaxPool1D",
    "Mean": "Add, Rescaling",
    "MeanVarianceNormalization": "InstanceNorm2D",
    "Min": "Minimum, Clip",
    "Mish": "Mish",
    "Momentum": "SGD",
    "Mul": "Multiply, Rescaling, ScaleShift",
    "Neg": "Rescaling",
    "NegativeLogLikelihoodLoss": "Loss",
    "PRelu": "PReLU",
    "Pad": "ZeroPad2D, Pad2D",
    "Pow": "Power, Pow",
    "Reciprocal": "Reciprocal",
    "ReduceL1": "Abs, ReduceSum",
    "ReduceL2": "ReduceL2",
    "ReduceLogSum": "ReduceSum, Log",
    "ReduceMax": "ReduceMax",
    "ReduceMean": "ReduceMean",
    "ReduceMin": "ReduceMax",
    "ReduceSum": "ReduceSum",
    "ReduceSumSquare": "Power, ReduceSum",
    "Relu": "ReLU",
    "Reshape": "Reshape, Flatten",
    "Resize": "UpSample2D, Resize",
    "Selu": "SELU, ELU",
    "Sigmoid": "Sigmoid",
    "Slice": "Slice, Gather",
    "Softmax": "Softmax",
    "SoftmaxCrossEntropyLoss": "CrossEntropy",
    "Softplus": "Softplus",
    "Softsign": "Divide",
    "SpaceToDepth": "PixelUnshuffle",
    "Split": "Slice",
    "Sqrt": "Sqrt",
    "Squeeze": "Reshape",
    "Sub": "Subtract, Rescaling, ScaleShift",
    "Sum": "Add",
    "Swish": "SiLU",
    "Tanh": "Tanh",
    "Tile": "Expand",
    "Transpose": "Transpose",
    "Unsqueeze": "Reshape",
    "Upsample": "UpSample2D, Resize",
    "Where": "Where",
}
"""What of minidl's computes each of ONNX's operators."""

TEXT = """\
# ONNX files

`ml.load` reads an ONNX file as a `Graph` of minidl's layers, which trains, saves and predicts like any other model.
It needs the package onnx: `pip install "minidl[onnx]"`.

```pycon
>>> import numpy as np
>>> import minidl as ml
>>> ml.models.lenet(seed=0).save("lenet.onnx")  # or a file from anyone else
>>> model = ml.load("lenet.onnx")
>>> model.input_names, model.input_shape
(('input',), (1, 28, 28))
>>> model(np.zeros((5, 1, 28, 28), np.float32)).shape
(5, 10)
```

- **Axes.** The first axis is the batch, and may have any size, whatever the file says. If an input has no batch axis,
  such as an image (h, w, 3), add one: `model(image[None])[0]`.
- **Sizes** that the file leaves open are assumed to be 224, or what `ml.load(path, input_shape=(3, h, w))` says; the
  model takes other sizes too. A file that computes with the size of its images, for example for a grid of positions,
  works for only one size, and a warning says so.
- **Names** of inputs, outputs and nodes are the file's, with `_` for characters that names can't contain. Several
  outputs are returned as a dict.
- **Numbers** are float32, or float64 if you pass float64. Weights of other float types are converted. Integer inputs
  and outputs become floats, except for the indices of an embedding.
- **Composed operators** become the layer that they implement: hard-swish, SiLU, Mish, GELU, layer and group norm, pixel
  shuffles written as reshapes, scales and shifts after a convolution. Dropout is removed, and constants are folded.
- **Operators that minidl lacks** raise a single error, before any work, that lists all of them and how often each
  occurs:

```text
network.onnx: minidl lacks 2 of its operators: If (12), LSTM (2)
```

Files are treated as data: sizes are checked before memory is allocated, external data is read only from the file's own
folder, and no code is run. `Budget` limits how much memory a file may take.

## ONNX's cases

Does minidl compute what ONNX specifies? ONNX comes with test cases: a model of one operator, its inputs, and the
expected outputs. For minidl's operators there are {cases} cases in ONNX {version}, among them models exported from
PyTorch; {passed} of them ({share} %) pass. The others need something that minidl doesn't do, and are left out by a
rule; the last column gives their number and the reason.

`tests/onnx` loads each case like any other file and runs it on the backends `compiled` and `vectorized`, and the small
ones also on `reference`. Weights that a case passes as inputs are stored as constants, as in real networks. An output
passes if its shape is right and its numbers are within the case's own tolerance, relative {rtol:g} and absolute
{atol:g}. The operators for training are compared with minidl's losses and optimizers directly.

`python -m tests.onnx.table` generates this page, and a test checks that it's up to date.

| ONNX | minidl | cases | run | passed | left out |
|---|---|--:|--:|--:|---|
{rows}

## Where ONNX differs

Some operators and attributes don't mean what the same names mean in minidl and PyTorch:

- `BatchNormalization`: ONNX's `momentum` is the share of the running statistics that is kept, 1 minus ours.
- `LayerNormalization` can also return the means and inverse standard deviations; `LayerNorm` doesn't.
- `GlobalAveragePool` and `GlobalMaxPool` return images of one pixel, (n, c, 1, 1), as ours do with `keepdims=True`.
- `AveragePool` excludes padding from its means by default; PyTorch and minidl include it by default.
- `ConvTranspose` can take the size of its output instead of the padding, and computes the padding from it.
- `auto_pad`: our "same" is `SAME_UPPER`. `SAME_LOWER` puts the larger padding at the top and left.
- `Softmax` and `LogSoftmax` before version 13 normalize over all axes from `axis` on.
- `SoftmaxCrossEntropyLoss` has a label to ignore, which needn't be a class; in minidl, give such samples a
  `sample_weight` of 0. In ONNX, PyTorch and minidl, the mean divides by the sum of the weights of the labels that
  count.
- `NegativeLogLikelihoodLoss` takes log-probabilities; given those, `CrossEntropy` computes the same. ONNX's cases pass
  arbitrary numbers instead, so they run as a custom loss that defines `each`.
- `Momentum` has a `beta`, the share of each gradient added to the velocity after step 0: 1 minus the `dampening` of
  PyTorch and `SGD`.
- `Adam` adds `epsilon` before the bias correction of the second moment; PyTorch and minidl add it after. ONNX counts
  steps from 0 and applies no correction in step 0.
- `Adagrad` counts steps from 0, PyTorch and minidl from 1.
"""


def make() -> str:
    """The page's text, from running every case."""
    by_operator = defaultdict(list)
    for case, node in rules.our_cases():
        by_operator[node.operator].append((case, node, rules.reason_against(case, node)))
    rows, total, all_passed = [], 0, 0
    for operator, found in sorted(by_operator.items()):
        total += len(found)
        running = [(case, node) for case, node, reason in found if reason is None]
        passed = sum(passes(case, node) for case, node in running)
        all_passed += passed
        left_out = Counter(reason for *_, reason in found if reason is not None)
        reasons = "; ".join(f"{count}: {reason}" for reason, count in left_out.items())
        ours = ", ".join(f"`{name}`" for name in OURS[operator].split(", ") if name)
        rows.append(f"| `{operator}` | {ours} | {len(found)} | {len(running)} | {passed} | {reasons} |")
    return TEXT.format(
        cases=total,
        passed=all_passed,
        share=100 * all_passed // total,
        version=".".join(onnx.__version__.split(".")[:2]),
        rtol=RTOL,
        atol=ATOL,
        rows="\n".join(rows),
    )


def passes(case: rules.Case, node: rules.Node) -> bool:
    """Whether minidl gives what the case expects, on every backend that runs it."""
    for backend in ("compiled", "vectorized", "reference"):
        if backend != "reference" or rules.is_small(case):
            with minidl.use_backend(backend):
                try:
                    rules.check(case, node)
                except (AssertionError, minidl.FormatError):
                    return False
    return True


if __name__ == "__main__":
    PAGE.write_text(make(), "utf-8")
    print(PAGE)
