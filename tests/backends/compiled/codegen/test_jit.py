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
