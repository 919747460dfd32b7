"""Everything that a model needs compiled, before it is needed."""

import numpy as np

from minidl import backends, shapes
from minidl.display.progress import Bar, check_verbose, working
from minidl.losses import CrossEntropy, MeanSquaredError
from minidl.module import Module
from minidl.optim import SGD, Adam
from minidl.training.loop import fit, predict
from minidl.training.objective import Criterion
from minidl.typing import Array, Shape


def warm_up(module: Module, input_shape: Shape, *, batch_size: int = 64, verbose: int | str = "auto") -> None:
    """Compile all kernels that training and inference on samples of this shape need, or read them from the cache.

    That includes the optimizers SGD, Adam and AdamW. Works on a copy: the module stays as it is. `verbose` is as in
    `evaluate`; the progress bar counts steps, and names and counts the kernels compiled for them.
    """
    shapes.count(batch_size, "batch_size")
    check_verbose(verbose)
    import copy  # seldom needed, as in the other files, and not loaded by NumPy

    module = copy.deepcopy(module)
    dtypes = {parameter.value.dtype for parameter in module.parameters()}
    dtype = np.dtype(np.int64) if module.takes_integers else dtypes.pop() if dtypes else np.float32
    x: Array = np.zeros((batch_size, *input_shape), dtype)
    trained = any(parameter.trainable for parameter in module.parameters())
    with working("warm up", 4 if trained else 2, verbose, unit=None) as bar:
        told = _Told(bar)
        with backends.compiling(told.compiling):
            told.step("one sample")
            predict(module, x[:1], verbose=0)
            told.step(f"{batch_size} samples")
            y = predict(module, x, batch_size=batch_size, verbose=0)
            targets = np.zeros(batch_size, np.int64) if y.ndim == 2 else y
            loss: Criterion = CrossEntropy() if y.ndim == 2 else MeanSquaredError()
            optimizers = (Adam(module.parameters()), SGD(module.parameters(), lr=0, momentum=0.9)) if trained else ()
            for optimizer in optimizers:
                told.step(f"training with {type(optimizer).__name__}")
                fit(module, x, targets, loss=loss, optimizer=optimizer, batch_size=batch_size, verbose=0)
        bar.result = f"{len(told.kernels)} kernels compiled"


class _Told:
    """What the bar says: the step, and the kernel that is being compiled for it."""

    def __init__(self, bar: Bar) -> None:
        self.bar, self.done, self.name = bar, -1, ""
        self.kernels: set[str] = set()

    def step(self, name: str) -> None:
        self.done, self.name = self.done + 1, name
        self.bar.draw(self.done, name)

    def compiling(self, kernel: str) -> None:
        self.kernels.add(kernel)
        self.bar.update(self.done, f"{self.name}  kernel {len(self.kernels)}: {kernel}")
