"""What isn't called here as elsewhere draws a hint, which leads to something that is there."""

import copy
import keyword
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import minidl as ml
import minidl.augment
from minidl.errors.names import ATTRIBUTES, NAMES

COMING = Path(__file__).parents[2] / "docs" / "coming_from.md"
MODULES = ["augment", "callbacks", "datasets", "functional", "layers", "losses", "metrics", "models"]
MODULES += ["optim", "schedules"]


def found(path):
    """What a dotted name such as ml.datasets.Dataset stands for."""
    thing = ml
    for name in path.removeprefix("ml.").split("."):
        thing = getattr(thing, name)
    return thing


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Linear", "did you mean ml.Dense?"),
        ("MaxPooling2D", "did you mean ml.MaxPool2D?"),
        ("BatchNormalization", "did you mean ml.BatchNorm2D?"),
        ("nn", "layers are in minidl itself, as in ml.Conv2D, and operators in ml.functional"),
        ("Conv2d", "did you mean Conv2D?"),
        ("Drop_out", "did you mean Dropout?"),
        ("Sequentiel", "did you mean Sequential?"),
        ("RMSprop", "did you mean RMSProp?"),
    ],
)
def test_a_name_of_the_top(name, hint, monkeypatch):
    monkeypatch.delattr(ml, name, raising=False)  # a part that another test has imported
    with pytest.raises(AttributeError) as caught:
        getattr(ml, name)
    assert str(caught.value) == f"module 'minidl' has no attribute {name!r}; {hint}"


@pytest.mark.parametrize("module", MODULES)
def test_a_name_of_each_part(module):
    part = getattr(ml, module)
    with pytest.raises(AttributeError, match=rf"module 'minidl.{module}' has no attribute 'Linear'; .* ml.Dense\?$"):
        part.Linear  # noqa: B018
    known = next(name for name in part.__all__ if len(name) > 5)
    with pytest.raises(AttributeError, match=rf"'{known}z'; did you mean {known}\?$"):
        getattr(part, f"{known}z")
    with pytest.raises(AttributeError, match=r"has no attribute 'qqqqqqqq'$"):
        part.qqqqqqqq  # noqa: B018
    assert not hasattr(part, "__wrapped__")


def test_each_name_leads_to_something():
    for name, target in NAMES.items():
        assert name not in ml.__all__
        for path in re.findall(r"\bml\.[\w.]*\w", target):
            assert found(path) is not None
        assert " " in target or target.startswith("ml."), f"{name} leads to {target!r}"


def test_the_names_of_the_page_for_those_who_come_from_elsewhere():
    """Each name of a layer, loss, optimizer, schedule or callback in its tables is ours, or draws a hint."""
    cells = [row.split("|")[2:] for row in COMING.read_text(encoding="utf-8").splitlines() if row.startswith("| `")]
    names = {
        name for row in cells for cell in row for name in re.findall(r"(?<![\w.])[A-Z][A-Za-z]+[A-Za-z0-9]*", cell)
    }
    words = {
        word for code in re.findall(r"`([^`]*)`", " ".join(map(" ".join, cells))) for word in re.findall(r"\w+", code)
    }
    wanted = sorted(name for name in names & words if not (hasattr(ml, name) or keyword.iskeyword(name)))
    assert len(wanted) > 40
    silent = []
    for name in wanted:
        with pytest.raises(AttributeError) as caught:
            getattr(ml, name)
        silent += [name] * (";" not in str(caught.value))
    assert silent == []


def model():
    return ml.Sequential([ml.BatchNorm1D(), ml.Dense(1)], input_shape=(2,), seed=0)


def things():
    made = model()
    optimizer = ml.SGD(made.parameters(), lr=0.1)
    images = np.zeros((1, 1, 2, 2), np.float32)
    return {
        "Module": made,
        "Graph": ml.Graph(node := ml.Input((2,)), ml.Dense(1)(node)),
        "Parameter": made[1].weight,
        "History": ml.History(loss=[1.0]),
        "Loss": ml.CrossEntropy(),
        "Optimizer": optimizer,
        "Metric": ml.Accuracy(),
        "Schedule": ml.schedules.Step(optimizer, step_size=1),
        "Dataset": ml.datasets.Dataset(images, [0], ("a",)),
    }


@pytest.mark.parametrize("kind", ATTRIBUTES)
def test_attributes_of_objects(kind):
    thing = things()[kind]
    for name, ours in ATTRIBUTES[kind].items():
        if hasattr(thing, name):
            assert (kind, name) == ("Module", "layers")  # which a Sequential has
            continue
        hint = ours if " " in ours else f"did you mean {ours}?"
        with pytest.raises(AttributeError) as caught:
            getattr(thing, name)
        assert str(caught.value) == f"{type(thing).__name__!r} object has no attribute {name!r}; {hint}"
        if " " not in ours:
            owners = [thing, thing[0], thing[1]] if kind == "Module" else [thing]
            first, *rest = ours.split(".")
            owner = next(each for each in owners if hasattr(each, first))
            assert not rest or hasattr(getattr(owner, first), rest[0])
        for path in re.findall(r"\bml\.[\w.]*\w", ours):
            assert found(path) is not None


@pytest.mark.parametrize(
    ("attempt", "hint"),
    [
        (lambda: model().compile(optimizer="adam"), "there is no compile: fit takes loss=, optimizer= and metrics="),
        (lambda: model().add(ml.Dense(2)), r"a model's layers are given at once: Sequential\(\[...\]\)"),
        (lambda: model().train_step([]), "a step is model.forward"),
        (lambda: model().eval(), r"there is no mode: model\(x\) is inference"),
        (lambda: model().to("cuda"), "arrays are NumPy's and on the CPU"),
        (lambda: ml.History(loss=[]).history, r"it is the dict itself, as in history\['loss'\]"),
        (lambda: ml.History(loss=[]).loss, r"it's history\['loss'\]"),
        (lambda: ml.Dense(2).kernel, r"did you mean weight\?"),
    ],
)
def test_what_people_try_first(attempt, hint):
    with pytest.raises(AttributeError, match=rf"has no attribute '[a-z_]+'; {hint}"):
        attempt()


def test_an_error_inside_of_a_property_is_told_as_it_is():
    class Own(ml.Module):
        @property
        def size(self):
            return self.missing

    with pytest.raises(AttributeError, match=r"^'Own' object has no attribute 'missing'$"):
        Own().size  # noqa: B018
    assert not hasattr(Own(), "size")
    assert getattr(Own(), "zzz", 3) == 3


def test_hints_are_in_nobodys_way():
    made = model()
    x = np.ones((3, 2), np.float32)
    for again in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        np.testing.assert_array_equal(again(x), made(x))
    history = pickle.loads(pickle.dumps(ml.History(loss=[1.0])))
    assert (type(history), history, copy.copy(history)) == (ml.History, {"loss": [1.0]}, {"loss": [1.0]})
    assert not hasattr(made, "__array__")


def test_hints_are_loaded_for_mistakes_alone(run_python):
    program = (
        "import sys, minidl as ml\n"
        "tables = {'minidl.errors.names', 'minidl.errors.synonyms', 'difflib'}\n"
        "print(sorted(tables & set(sys.modules)))\n"
        "getattr(ml, 'Linear', None), getattr(ml.Dense(2), 'compile', None)\n"
        "print('minidl.errors.names' in sys.modules)"
    )
    assert run_python(program).stdout.split("\n")[:2] == ["[]", "True"]
