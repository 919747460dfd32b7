"""Integers and loops in kernels do what Python does."""

import itertools

import pytest

pytest.importorskip("numba")
from minidl.backends.compiled.codegen import kernel_cache
from minidl.backends.compiled.codegen.jit import entry

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder for what is compiled here."""
    monkeypatch.setattr(kernel_cache, "folders", lambda: [tmp_path])


NUMBERS = (-7, -3, -1, 0, 1, 2, 3, 8)


@entry
def quotient(x, y):
    return x // y


@entry
def rest(x, y):
    return x % y


@entry
def least_and_most(x, y, z):
    return min(x, y) * 1000000 + max(x, y, z) * 1000 + min(z, y, x)


@entry
def decimals(start, stop, step):
    count, digits = 0, 0
    for number in range(start, stop, step):
        count += 1
        digits = digits * 100 + number
    return digits * 100 + count


@entry
def pairs(n):
    total = 0
    for i in range(n):
        for j in range(i, n):
            if j == 3:
                continue
            total += 10 * i + j
        if i == 4:
            break
    return total


@entry
def stepped(x):
    x += 3
    x *= x
    x //= 4
    x %= 7
    x -= 10
    return x


@pytest.mark.parametrize(("x", "y"), [*itertools.product(NUMBERS, NUMBERS)])
def test_division_rounds_down(x, y):
    assert quotient(x, y) == (x // y if y else 0)
    assert rest(x, y) == (x % y if y else 0)


@pytest.mark.parametrize("numbers", [*itertools.permutations((-5, 2, 9))])
def test_least_and_most(numbers):
    assert least_and_most(*numbers) == least_and_most.py_func(*numbers)


@pytest.mark.parametrize(("start", "stop", "step"), [*itertools.product((0, 5, 9), (0, 4, 9), (-4, -1, 1, 2, 5))])
def test_loops_over_ranges(start, stop, step):
    assert decimals(start, stop, step) == decimals.py_func(start, stop, step)


@pytest.mark.parametrize("n", [0, 1, 4, 9])
def test_loops_in_loops(n):
    assert pairs(n) == pairs.py_func(n)


@pytest.mark.parametrize("x", NUMBERS)
def test_a_variable_that_changes(x):
    assert stepped(x) == stepped.py_func(x)
