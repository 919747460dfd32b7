"""However images, rows and filters are shared among tasks, the convolution gives the same bits."""

import numpy as np
import pytest

from minidl.backends.compiled.conv.epilogue import Epilogue
from minidl.backends.compiled.conv.im2col import forward as im2col
from minidl.backends.compiled.conv.plan import plan_for
from minidl.backends.compiled.pool.max import NO_WINDOWS
from minidl.backends.compiled.runtime import program
from minidl.description.operators import ConvGeometry, Elementwise, ReLU

pytestmark = pytest.mark.compiled

CASES = [  # n, channels, filters, kernel size, side, stride, padding, groups
    (7, 5, 70, 1, 3, 1, 0, 1),
    (3, 20, 100, 1, 9, 2, 0, 1),
    (5, 6, 33, 3, 7, 2, 1, 1),
    (4, 4, 65, 2, 4, 2, 0, 1),
    (2, 6, 64, 3, 5, 1, 1, 2),
]
EPILOGUES = ["nothing", "relu", "other", "other and relu", "gelu", "into"]


def convolve(case, dtype, epilogue):
    n, channels, filters, size, side, stride, padding, groups = case
    rng = np.random.default_rng(0)
    border = (padding, padding)
    geometry = ConvGeometry((stride,) * 2, (border,) * 2, (1, 1), groups)
    plan = plan_for((side, side), channels, filters, (size, size), geometry)
    x = rng.standard_normal((n, channels, side, side)).astype(dtype)
    w = rng.standard_normal((filters, channels // groups, size, size)).astype(dtype)
    bias, other = (rng.standard_normal(shape).astype(dtype) for shape in [filters, (n, filters, *plan.out)])
    activations = {"relu": ReLU(), "other and relu": ReLU(), "gelu": Elementwise("gelu", (), keeps_y=False)}
    after = Epilogue(bias, other=other if "other" in epilogue else None, activation=activations.get(epilogue))
    block = np.zeros((n, *plan.out, filters + 5), dtype)
    into = block[..., 2 : filters + 2].transpose(0, 3, 1, 2) if epilogue == "into" else None
    y, _, jobs = im2col.prepare(x, w, plan, after, into)
    program.run(x.dtype, *jobs)
    return y.copy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("epilogue", EPILOGUES)
@pytest.mark.parametrize("case", CASES)
def test_tasks_change_no_bit(monkeypatch, case, epilogue, dtype):
    monkeypatch.setattr(program, "SMALL", 1)
    settings = [
        {"FEW_TASKS": 1, "MANY_PIXELS": 1, "MANY_WEIGHTS": 1 << 40, "FEWEST_PIXELS": 1 << 20},
        {"FEW_TASKS": 20, "MANY_PIXELS": 1, "MANY_WEIGHTS": 1 << 40, "FEWEST_PIXELS": 1 << 20},
        {"FEW_TASKS": 1, "MANY_PIXELS": 40, "MANY_WEIGHTS": 1 << 40, "FEWEST_PIXELS": 1 << 20},
        {"FEW_TASKS": 20, "MANY_PIXELS": 40, "MANY_WEIGHTS": 1, "MANY_TASKS": 1, "FEWEST_PIXELS": 1},
    ]
    results = []
    for each in settings:
        for name, value in each.items():
            monkeypatch.setattr(im2col, name, value)
        results.append(convolve(case, dtype, epilogue))
    assert all(y.tobytes() == results[0].tobytes() for y in results)


def tasks(n, channels, filters, size, side, stride=1):
    margin = size // 2
    geometry = ConvGeometry((stride,) * 2, ((margin, margin),) * 2, (1, 1), 1)
    return im2col._tasks(n, plan_for((side, side), channels, filters, (size, size), geometry), NO_WINDOWS)


def test_one_image_is_shared_whatever_its_size():
    assert tasks(1, 512, 512, 1, 7)[:3] == (1, 1, 8)  # few pixels: panels of filters
    assert tasks(1, 256, 512, 3, 14, 2)[:3] == (1, 1, 8)
    assert tasks(1, 128, 128, 1, 32)[:3] == (1, 8, 1)  # few filters: bands of rows
    assert tasks(1, 3, 64, 7, 224, 2).number >= 8
    assert tasks(1, 8, 8, 1, 4).number == 1  # too small to share


def test_small_images_are_multiplied_together():
    assert tasks(8, 512, 512, 1, 7)[:3] == (3, 1, 3)
    assert tasks(8, 512, 512, 1, 14)[:3] == (8, 1, 1)
    assert tasks(8, 256, 256, 3, 7)[:3] == (8, 1, 1)  # whose borders are each their own
    assert tasks(0, 512, 512, 1, 7).number == 0
