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

- **Axes.** The first axis is the batch, of any size, whatever the file says. An input without a batch axis, such as an
  image (h, w, 3), is one sample: `model(image[None])[0]`.
- **Sizes** that the file leaves open are 224 when the model is made, or what `ml.load(path, input_shape=(3, h, w))`
  says; the model takes other sizes too. A file that computes with the size of its images, such as for a grid of
  positions, works for only one size; a warning says so.
- **Names** of inputs, outputs and nodes are the file's, with `_` for characters not allowed in names. Several outputs
  are a dict.
- **Numbers** are float32, or float64 if the network is given that. Weights of other float types are converted, and
  integers come in and go out as floats, except for the indices of an embedding.
- **Composed operators** become the layer they stand for: hard-swish, SiLU, Mish, GELU, layer and group norm, pixels
  shuffled by reshapes, scales and shifts after a convolution. Dropout is removed, and constants are folded.
- **Operators that minidl lacks** raise one error that lists all of them, and how often each occurs, before any work:

```text
network.onnx: minidl lacks 2 of its operators: If (12), LSTM (2)
```

Files are data: sizes are checked before memory is allocated, external data is read only from the file's own folder, and
no code is run. `Budget` says how much memory a file may take.

## ONNX's cases

Does it compute what ONNX says it should? ONNX brings cases for those who implement it: a model of one operator, inputs,
and the outputs expected. For the operators that minidl has there are {cases} in ONNX {version}, among them models that
PyTorch exported; {passed} pass, {share} %. `tests/onnx` runs them, read as any file, on the backends `compiled` and
`vectorized`, and small ones on `reference`, but for those that a rule leaves out, for what minidl doesn't do; the last
column gives their number and the reason. Weights that a case feeds in are constants of the file, as they are in
networks. An output counts as right if its shape is the case's, and its numbers within the case's own tolerance,
{rtol:g} of them and {atol:g}.

Operators of training, which no network has, are compared with minidl's losses and optimizers by themselves.

This page is written by `python -m tests.onnx.table`, and a test compares it with what that gives.

| ONNX | minidl | cases | run | passed | left out |
|---|---|--:|--:|--:|---|
{rows}

## Where ONNX differs

Attributes mean something else than the arguments of the same name here and in PyTorch:

- `BatchNormalization`: `momentum` is how much of the running statistics stays, 1 less ours.
- `LayerNormalization` also gives the means, and 1 over the deviations; `LayerNorm` keeps them to itself.
- `GlobalAveragePool` and `GlobalMaxPool` give images of one pixel, (n, c, 1, 1); ours do with `keepdims=True`.
- `AveragePool` leaves its border out of the means unless told to count it; PyTorch and minidl count it unless told not
  to.
- `ConvTranspose` may be given the size of its output in the place of a border, which follows from it.
- `auto_pad`: our "same" is `SAME_UPPER`. `SAME_LOWER` is a border that is larger at the top and left.
- `Softmax` and `LogSoftmax` before version 13 go over all axes from `axis` on.
- `SoftmaxCrossEntropyLoss` ignores a label, which needn't be a class; here such samples have a `sample_weight` of 0.
  The mean divides by the sum of the weights of the labels that count, in ONNX, PyTorch and minidl.
- `NegativeLogLikelihoodLoss` takes log-probabilities, of which `CrossEntropy` is the same. ONNX's cases give it any
  numbers; they run as a custom loss that defines `each`.
- `Momentum` has a `beta`, of how much of a gradient goes into the velocity after step 0; it's 1 less the `dampening` of
  PyTorch and `SGD`.
- `Adam` adds `epsilon` before the second moment is corrected for its start at zero; PyTorch and minidl add it after.
  ONNX counts steps from 0, and corrects nothing in step 0.
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
