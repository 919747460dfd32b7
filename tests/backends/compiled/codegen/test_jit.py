import threading

import pytest

pytestmark = pytest.mark.compiled


def test_threads_that_need_the_same_kernel_compile_it_once():
    from minidl.backends.compiled.codegen import jit

    made, compiled, begun = {}, [], threading.Event()

    def compile_slowly():
        begun.set()
        begun.wait(0.05)
        compiled.append(threading.get_ident())
        return len(compiled)

    results = []
    threads = [threading.Thread(target=lambda: results.append(jit.once(made, "f", compile_slowly))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (results, made) == ([1] * 4, {"f": 1})


def test_what_could_not_be_made_is_made_by_the_next_call():
    from minidl.backends.compiled.codegen import jit

    made = {}
    with pytest.raises(MemoryError):
        jit.once(made, "f", lambda: (_ for _ in ()).throw(MemoryError))
    assert not made
    assert jit.once(made, "f", lambda: 5) == 5


LINKED = """
import numpy as np
from minidl import backends, functional as F
x = np.ones((2, 20), np.float32)
told = set()
with backends.compiling(told.add):
    F.softmax(x)
    alone = [name for name in told if "matmul" in name]
    y, _ = F.dense(x, np.ones((3, 20), np.float32), np.zeros(3, np.float32))
print(alone, y[0, 0], any("matmul" in name for name in told))
"""


def test_what_is_linked_is_compiled_for_the_kernels_that_call_it_and_found_again(tmp_path, run_python):
    """First compiled, then read from the cache, and last with nothing of the cache but the kernel that calls it."""
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "MINIDL_BACKEND": "compiled"}
    assert run_python(LINKED, **environment).stdout.split() == ["[]", "20.0", "True"]
    assert run_python(LINKED, **environment).stdout.split() == ["[]", "20.0", "False"]
    for path in tmp_path.rglob("matmul.gather_matmul.*"):
        path.unlink()
    assert run_python(LINKED, **environment).stdout.split() == ["[]", "20.0", "True"]
