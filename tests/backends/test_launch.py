import pytest

import minidl as ml

pytestmark = pytest.mark.compiled

PROGRAM = """
import threading
import numpy as np
import numba
import minidl as ml

rng = np.random.default_rng(0)
images = rng.standard_normal((64, 3, 32, 32), dtype=np.float32)
model = ml.models.vgg(seed=0)
expected = [model(images[i:]) for i in range(8)]
results = [None] * 8

def work(i):
    for _ in range(3):
        results[i] = model(images[i:])

threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert all(np.array_equal(a, b) for a, b in zip(results, expected))
print(numba.threading_layer())
"""

FORK = """
import os
import numpy as np
import minidl as ml

ml.set_num_threads(2)
images = np.random.default_rng(0).standard_normal((64, 3, 32, 32), dtype=np.float32)
model = ml.models.vgg(seed=0)
expected = model(images)
child = os.fork()
if child == 0:
    os._exit(0 if ml.num_threads() == 1 and np.array_equal(model(images), expected) else 1)
assert os.waitpid(child, 0)[1] == 0
assert np.array_equal(model(images), expected)
print("both")
"""


@pytest.mark.parametrize("layer", ["omp", "workqueue"])
def test_many_python_threads_at_once(run_python, layer):
    assert run_python(PROGRAM, NUMBA_THREADING_LAYER=layer, NUMBA_NUM_THREADS="2").stdout == f"{layer}\n"


@pytest.mark.skipif("not hasattr(__import__('os'), 'fork')", reason="needs fork")
def test_a_forked_child_works_alone(run_python):
    assert run_python(FORK, NUMBA_NUM_THREADS="2").stdout == "both\n"


def test_the_number_of_threads():
    before = ml.num_threads()
    try:
        ml.set_num_threads(3)
        assert ml.num_threads() == 3
        for wrong in (0, -1, 1.5, "2", True):
            with pytest.raises(ValueError, match="threads: expected an int of at least 1"):
                ml.set_num_threads(wrong)
        assert ml.num_threads() == 3
    finally:
        ml.set_num_threads(before)
