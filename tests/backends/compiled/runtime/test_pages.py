"""Bytes for large arrays."""

import os
import sys

import numpy as np
import pytest

from minidl.backends.compiled.runtime.pages import PAGES_FROM, new_bytes


@pytest.mark.parametrize("size", [0, 1, 4096, PAGES_FROM - 1, PAGES_FROM, PAGES_FROM + 17])
def test_as_many_as_asked_for_which_can_be_written(size):
    found = new_bytes(size)
    found[:] = 7
    assert found.shape == (size,)
    assert found.dtype == np.uint8
    assert (found == 7).all()


def test_views_know_the_array_that_owns_the_bytes():
    owner = new_bytes(PAGES_FROM)
    assert owner[64:128].view(np.float32).reshape(4, 4).base is owner


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_writes_to_a_copy():
    found = new_bytes(PAGES_FROM)
    found[:] = 1
    child = os.fork()
    if child == 0:
        found[:] = 2
        os._exit(0)
    os.waitpid(child, 0)
    assert (found == 1).all()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_ones_go_back_to_the_operating_system():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    before = resident()
    large = [new_bytes(3 * PAGES_FROM) for _ in range(20)]
    for each in large:
        each[:] = 1
    above = new_bytes(100)  # what would keep the heap below it from shrinking
    assert resident() - before > 50 * PAGES_FROM
    large.clear()
    del each
    assert resident() - before < 10 * PAGES_FROM
    assert len(above) == 100
