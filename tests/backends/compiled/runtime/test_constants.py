"""What follows from weights is made once, is told apart by what it was made of, and can be made again in its place."""

import os
from typing import NamedTuple

import numpy as np
import pytest

if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
    pytest.skip("the compiled backend needs Numba's compiler", allow_module_level=True)
pytest.importorskip("numba")

from minidl.backends.compiled.runtime.arena import LINE, Workspace
from minidl.backends.compiled.runtime.constants import Constants, of_weights
from minidl.backends.compiled.runtime.copy import prepare_copy
from minidl.backends.compiled.runtime.memory import address, empty, planned

pytestmark = pytest.mark.compiled

FLOAT = np.dtype(np.float32)
calls = []


class Setting(NamedTuple):
    name: str
    size: int


@of_weights
def prepare_transposed(w, setting=None):
    calls.append(setting)
    copied = empty(w.T.shape, w.dtype)
    return copied, [prepare_copy(w.T, copied)]


@pytest.fixture(autouse=True)
def forget():
    calls.clear()


def weights(seed=0):
    return np.random.default_rng(seed).standard_normal((8, 20)).astype(np.float32)


def test_without_constants_the_jobs_are_left_to_do():
    w = weights()
    for workspace in (None, Workspace()):
        with planned(workspace):
            _, jobs = prepare_transposed(w)
        assert len(jobs) == 1


def test_with_constants_it_is_made_once():
    w, constants = weights(), Constants(FLOAT)
    with planned(Workspace(constants)):
        copied, jobs = prepare_transposed(w)
        jobs.append("of the caller's own")
        again, jobs = prepare_transposed(w)
    assert jobs == []
    assert again is copied
    assert len(calls) == 1
    np.testing.assert_array_equal(copied, w.T)
    assert address(copied) * 4 % LINE == 0
    assert w.nbytes <= constants.nbytes < w.nbytes + 2 * LINE


def test_arguments_are_told_apart():
    w, other, constants = weights(), weights(1), Constants(FLOAT)
    with planned(Workspace(constants)):
        given = [
            prepare_transposed(*arguments)[0]
            for arguments in [
                (w,),
                (other,),
                (w[:, :10],),
                (w[:4],),
                (w, Setting("a", 1)),
                (w, Setting("a", 2)),
                (w, 1),
            ]
        ]
        assert len({id(each) for each in given}) == len(given)
        assert prepare_transposed(w, Setting("a", 2))[0] is given[5]
    np.testing.assert_array_equal(given[1], other.T)
    np.testing.assert_array_equal(given[2], w[:, :10].T)


def test_a_refresh_makes_all_again_in_its_place():
    w, constants = weights(), Constants(FLOAT)
    with planned(Workspace(constants)):
        copied, _ = prepare_transposed(w)
    w *= 2
    assert not np.array_equal(copied, w.T)
    constants.refresh()
    np.testing.assert_array_equal(copied, w.T)
