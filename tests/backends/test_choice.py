"""Which backend runs: the one chosen, else the environment's, else compiled, or vectorized without Numba."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import minidl
from minidl import backend_name, backends, use_backend
from minidl import functional as F

WITHOUT_NUMBA = "import sys; sys.modules['numba'] = None; import numpy as np, minidl, minidl.functional as F\n"


@pytest.fixture(autouse=True)
def on_the_vectorized(monkeypatch):
    monkeypatch.setattr(backends, "_chosen", backends._load("vectorized"))


def test_a_plain_call_stays():
    use_backend("reference")
    assert backend_name() == "reference"
    use_backend("vectorized")
    assert backend_name() == "vectorized"


@pytest.mark.compiled
def test_the_chosen_backend_computes(monkeypatch):
    x = np.ones(3)
    for name in backends.NAMES:
        with use_backend(name):
            monkeypatch.setattr(backends.current(), "elementwise", lambda *_, name=name: np.array([len(name)]))
            np.testing.assert_array_equal(F.relu(x)[0], [len(name)])


@pytest.mark.compiled
def test_a_block_gives_the_one_before_back():
    with use_backend("reference"):
        assert backend_name() == "reference"
        with use_backend("vectorized"):
            assert backend_name() == "vectorized"
        assert backend_name() == "reference"
        use_backend("compiled")
    assert backend_name() == "vectorized"


def test_a_block_that_raises_gives_the_one_before_back():
    with pytest.raises(KeyboardInterrupt), use_backend("reference"):
        raise KeyboardInterrupt
    assert backend_name() == "vectorized"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("referense", r"unknown backend 'referense'; did you mean reference\?"),
        ("compile", r"unknown backend 'compile'; did you mean compiled\?"),
        ("torch", "unknown backend 'torch'; known: reference, vectorized, compiled"),
    ],
)
def test_an_unknown_name_gets_a_hint_and_changes_nothing(name, hint):
    with pytest.raises(ValueError, match=hint):
        use_backend(name)
    assert backend_name() == "vectorized"


def test_a_pullback_belongs_to_the_backend_of_its_forward_pass(monkeypatch):
    with use_backend("reference"):
        _, pullback = F.relu(np.array([1.0, -1.0]))
    monkeypatch.delattr(backends.current(), "elementwise_backward")
    np.testing.assert_array_equal(pullback(np.array([5.0, 5.0])), [5, 0])


@pytest.mark.parametrize("name", backends.NAMES)
def test_the_environment_chooses(run_python, name):
    done = run_python("import minidl; print(minidl.backend_name())", MINIDL_BACKEND=name)
    assert done.stdout.split() == [name]


@pytest.mark.parametrize("unset", [None, ""])
def test_compiled_is_the_default(run_python, unset):
    done = run_python("import minidl; print(minidl.backend_name())", MINIDL_BACKEND=unset)
    assert done.stdout.split() == ["compiled"]


def test_a_call_wins_over_the_environment(run_python):
    program = "import minidl; minidl.use_backend('reference'); print(minidl.backend_name())"
    assert run_python(program, MINIDL_BACKEND="vectorized").stdout.split() == ["reference"]


def test_an_unknown_name_in_the_environment_gets_a_hint_at_the_first_operator(run_python):
    program = (
        "import numpy as np, minidl.functional as F\n"
        "try:\n    F.relu(np.ones(1))\n"
        "except ValueError as error:\n    print(error)\n"
    )
    assert run_python(program, MINIDL_BACKEND="vectorised").stdout.strip() == (
        "unknown backend 'vectorised'; did you mean vectorized?"
    )


@pytest.mark.compiled
def test_importing_minidl_does_not_import_numba(run_python):
    program = (
        "import sys, minidl, numpy as np\n"
        "print('numba' in sys.modules, any(name.startswith('llvmlite') for name in sys.modules))\n"
        "minidl.functional.relu(np.ones(1)); print('numba' in sys.modules)\n"
    )
    assert run_python(program).stdout.split() == ["False", "False", "True"]


@pytest.mark.parametrize("name", ["vectorized", "reference"])
def test_the_other_backends_do_not_import_numba(run_python, name):
    program = "import sys, minidl, numpy as np; minidl.functional.relu(np.ones(1)); print('numba' in sys.modules)"
    assert run_python(program, MINIDL_BACKEND=name).stdout.split() == ["False"]


@pytest.mark.compiled
def test_without_numba_vectorized_is_the_default_and_says_so_once(run_python):
    program = WITHOUT_NUMBA + (
        "import warnings\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    for _ in range(3):\n"
        "        y, pullback = F.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))\n"
        "        pullback(y)\n"
        "print(minidl.backend_name(), y.ravel())\n"
        "for warning in caught:\n"
        "    print(warning.category.__name__, warning.message)\n"
    )
    assert run_python(program).stdout.splitlines() == [
        "vectorized [4. 4. 4. 4.]",
        "RuntimeWarning Numba isn't installed: minidl runs on its slower NumPy backend",
    ]


def test_without_numba_a_backend_that_was_chosen_is_silent(run_python):
    program = WITHOUT_NUMBA + "F.relu(np.ones(1)); print(minidl.backend_name())"
    done = run_python(program, options=["-W", "error"], MINIDL_BACKEND="vectorized")
    assert done.stdout.split() == ["vectorized"]


def test_without_numba_the_compiled_backend_says_what_to_do(run_python):
    program = WITHOUT_NUMBA + (
        "minidl.use_backend('reference')\n"
        "try:\n    minidl.use_backend('compiled')\n"
        "except ImportError as error:\n    print(error)\n"
        "print(minidl.backend_name())\n"
    )
    message, name = run_python(program).stdout.splitlines()
    assert message.startswith("the compiled backend needs Numba (")
    assert message.endswith('): pip install numba, or minidl.use_backend("vectorized")')
    assert name == "reference"


@pytest.mark.skipif(sys.platform == "win32", reason="/dev/null/below, in which nobody can write, is POSIX's")
def test_kernels_are_compiled_anew_where_no_cache_can_be_kept(run_python, tmp_path):
    """A file stands where the kernels' cache folder would be, and the user's folders can't exist."""
    kept = shutil.ignore_patterns("__pycache__", "*.gz")
    shutil.copytree(Path(minidl.__file__).parent, tmp_path / "minidl", ignore=kept)
    (tmp_path / "minidl/backends/compiled/__pycache__").write_text("not a folder")
    program = (
        "import warnings, numpy as np, minidl, minidl.functional as F\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    for _ in range(2):\n"
        "        y, pullback = F.relu(np.array([-1.0, 2.0]))\n"
        "        dx = pullback(np.array([3.0, 4.0]))\n"
        "print(minidl.__file__, *y, *dx)\n"
        "print([w.category.__name__ for w in caught if 'compiles them again' in str(w.message)], len(caught))\n"
    )
    nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "IPYTHONDIR"), "/dev/null/below")
    unset = dict.fromkeys(("NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"))
    done = run_python(program, root=tmp_path, **nowhere, **unset)
    values, warned = done.stdout.splitlines()
    assert values.split() == [str(tmp_path / "minidl/__init__.py"), "0.0", "2.0", "0.0", "4.0"]
    assert warned == "['RuntimeWarning'] 1"
