"""What had another place or name in 0.1 is found there, with a warning of the line that asks for it."""

import importlib
import sys
import warnings

import pytest

import minidl as ml
from minidl.errors import moved
from minidl.saving import npz


@pytest.fixture
def forgotten():
    """None of the old modules has been imported, before or after."""

    def forget():
        for name in moved.MODULES:
            sys.modules.pop(name, None)
            vars(ml).pop(name.removeprefix("minidl."), None)

    forget()
    yield
    forget()


@pytest.mark.usefixtures("forgotten")
def test_names_in_modules_that_moved():
    with pytest.warns(DeprecationWarning, match=r"minidl\.checkpoint is minidl\.saving\.npz now") as warned:
        from minidl.checkpoint import load_arrays
    assert load_arrays is npz.load_arrays
    assert [(each.filename, str(each.message)) for each in warned] == [
        (__file__, "minidl.checkpoint is minidl.saving.npz now; the old name will be removed in the next version")
    ]
    with pytest.warns(DeprecationWarning, match=r"minidl\.threads is minidl\.process\.threads now") as warned:
        assert ml.threads.num_threads is ml.num_threads
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=r"minidl\.history is minidl\.training\.history now"):
        import minidl.history
    assert minidl.history.History is ml.History
    with pytest.raises(AttributeError, match=r"'minidl\.training\.history' has no attribute 'Histry'"):
        minidl.history.Histry  # noqa: B018


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("name", moved.MODULES)
def test_each_module_that_moved(name):
    with pytest.warns(DeprecationWarning, match=rf"{name} is {moved.MODULES[name]} now"):
        old = importlib.import_module(name)
    new = importlib.import_module(moved.MODULES[name])
    assert new.__spec__.name == new.__name__ == moved.MODULES[name]
    public = [key for key in vars(new) if not key.startswith("_")]
    assert public
    assert all(getattr(old, key) is getattr(new, key) for key in public)


def test_functions_that_moved():
    with pytest.warns(DeprecationWarning, match=r"minidl\.training\.fit is minidl\.training\.loop\.fit now") as warned:
        from minidl.training import fit
    assert fit is ml.fit
    assert {each.filename for each in warned} == {__file__}
    for name in ("evaluate", "predict"):
        with pytest.warns(DeprecationWarning, match=rf"minidl\.training\.{name} is "):
            assert getattr(ml.training, name) is getattr(ml, name)
    with pytest.raises(AttributeError, match=r"module 'minidl\.training' has no attribute 'fitt'"):
        ml.training.fitt  # noqa: B018


def test_check_gradient_is_found_by_its_old_name():
    message = r"minidl\.functional\.check_slope is minidl\.functional\.check_gradient now"
    with pytest.warns(DeprecationWarning, match=message) as warned:
        from minidl.functional import check_slope
    assert check_slope is ml.functional.check_gradient
    assert {each.filename for each in warned} == {__file__}
    assert "check_slope" not in ml.functional.__all__
    assert "check_gradient" in ml.functional.__all__


def test_new_names_don_t_warn_and_others_aren_t_found():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from minidl.summary import Row, Summary, summarize  # noqa: F401
        from minidl.training.loop import fit  # noqa: F401
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'minidl\.checkpoints'"):
        importlib.import_module("minidl.checkpoints")
