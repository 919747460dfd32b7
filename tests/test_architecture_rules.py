"""A file imports only from floors below its own; and the public face is what `__all__` says."""

import ast
import fnmatch
import importlib
import inspect
import re
import sys
import types
from pathlib import Path

import pytest

import minidl
from minidl import backends
from minidl.backends import protocol
from tests import floors
from tests.floors import FLOORS, FOLDERS

PACKAGE = Path(minidl.__file__).resolve().parent

# Who alone may name a backend: the others ask minidl.backends, which loads it by name when it's first used.
IMPORTERS = {
    "backends.reference": ["backends.reference"],
    "backends.vectorized": ["backends.vectorized", "backends.compiled"],
    "backends.compiled": ["backends.compiled"],
}


def is_below(module, folder):
    """Whether the module is the folder or lies in it."""
    return module == folder or module.startswith(f"{folder}.")


def files_of(package):
    """{module name without the package's: path} of every file; the package's own __init__ is "__init__"."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        name = ".".join(parts if len(parts) == 1 or parts[-1] != "__init__" else parts[:-1])
        modules[name] = path
    return modules


def imports_of(path, name, modules, package):
    """The modules of the package that a file imports, wherever in the file: (module, line)."""
    prefix = f"{package.name}."
    parents = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    if name == "__init__":
        parents = []

    def resolve(target):
        """The longest part of a dotted name that is a module; the rest is a name in it."""
        if target == package.name:
            return "__init__"
        if not target.startswith(prefix):
            return None
        parts = target.removeprefix(prefix).split(".")
        return next((m for n in range(len(parts), 0, -1) if (m := ".".join(parts[:n])) in modules), "__init__")

    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [package.name, *parents][: len(parents) + 2 - node.level] if node.level else []
            base = ".".join([*base, *([node.module] if node.module else [])])
            targets = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        found.update((module, node.lineno) for target in targets if (module := resolve(target)) is not None)
    return sorted(found)


def floor_of(module):
    """The number of a module's floor: by its own name, else by its folder's; None if it has none."""
    exact = [number for number, names in enumerate(FLOORS) if module in names]
    pattern = [number for number, names in enumerate(FLOORS) if any(fnmatch.fnmatchcase(module, n) for n in names)]
    return next(iter(exact + pattern), None)


def violations(package):
    """What breaks the rules, a line each."""
    modules = files_of(package)
    wrong, graph = [], {}
    for module, path in modules.items():
        floor = floor_of(module)
        if floor is None:
            wrong.append(f"{module}: unknown file: give it a floor in FLOORS, below all that will import it")
            continue
        graph[module] = []
        for target, line in imports_of(path, module, modules, package):
            if floor_of(target) is None:
                continue  # the unknown file is reported by itself
            at = f"{module}, line {line}: imports {target}"
            if target == module:
                wrong.append(f"{at}, which is itself")
                continue
            in_one_folder = any(is_below(module, folder) and is_below(target, folder) for folder in FOLDERS)
            if in_one_folder:
                graph[module].append(target)
            elif floor_of(target) > floor:
                wrong.append(f"{at}, from a floor above its own")
            elif floor_of(target) == floor:
                wrong.append(f"{at}, from its own floor")
            for guarded, importers in IMPORTERS.items():
                if is_below(target, guarded) and not any(is_below(module, importer) for importer in importers):
                    wrong.append(f"{at}, which is for minidl.backends to choose, by name and when it's first used")
    circle = find_circle(graph)
    return wrong + ([f"{' -> '.join(circle)}: a circle"] if circle else [])


def find_circle(graph):
    """The modules of a circle of imports, if there's one."""
    done = set()

    def visit(module, path):
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return None
        for target in graph.get(module, []):
            circle = visit(target, [*path, module])
            if circle:
                return circle
        done.add(module)
        return None

    return next((circle for module in graph if (circle := visit(module, []))), None)


def test_each_file_imports_from_floors_below_its_own():
    assert violations(PACKAGE) == []


def test_the_design_shows_the_floors():
    """Where it doesn't: python -m tests.floors."""
    text = floors.DESIGN.read_text("utf-8")
    assert floors.written(text) == text
    assert f"| {len(floors.HOUSE) - 1} | `cli/`" in text


def test_a_page_without_a_place_for_the_floors_is_refused():
    with pytest.raises(ValueError, match=r"design\.md: expected a place between"):
        floors.written("# Design\n")


def test_each_file_of_the_package_was_read():
    modules = files_of(PACKAGE)
    assert {"__init__", "errors", "backends", "backends.compiled", "functional", "layers.container"} <= set(modules)
    seen = {name: [target for target, _ in imports_of(modules[name], name, modules, PACKAGE)] for name in modules}
    used = {target for name in seen if is_below(name, "functional") for target in seen[name]}
    assert {
        "backends",
        "description.graph",
        "description.operators",
        "exports",
        "shapes",
        "shapes.arrange",
        "shapes.resampling",
        "errors",
        "errors.moved",
        "numeric",
        "process.share",
        "typing",
    } == {target for target in used if not is_below(target, "functional")}
    assert {"datasets", "functional", "model", "training.loop", "module"} <= {
        *seen["__init__"],
        *seen["public"],
        *seen["public_training"],
    }
    assert not any(is_below(target, "cli") for target in seen["__init__"])


ABOVE, OWN, CHOSEN = "from a floor above its own", "from its own floor", "which is for minidl.backends to choose"


@pytest.mark.parametrize(
    ("file", "content", "target", "reason"),
    [
        ("shapes.py", "from minidl.module import Module", "module", ABOVE),
        ("shapes.py", "def f():\n    import minidl.module", "module", ABOVE),
        ("shapes.py", "from minidl import (\n    errors,\n    functional as F,\n)", "functional", ABOVE),
        ("shapes.py", "from . import module", "module", ABOVE),
        ("shapes.py", "from .layers.conv import Conv2D", "layers.conv", ABOVE),
        ("shapes.py", "if TYPE_CHECKING:\n    import minidl", "__init__", ABOVE),
        ("shapes.py", "from minidl import Sequential", "__init__", ABOVE),
        ("shapes.py", "from minidl.shapes import pair", "shapes", "which is itself"),
        ("errors.py", "from minidl.typing import Array", "typing", OWN),
        ("optim.py", "from minidl import losses", "losses", OWN),
        ("data.py", "from minidl.datasets.idx import parse", "datasets.idx", OWN),
        ("layers/dense.py", "from ..layers.conv import Conv2D", "layers.conv", OWN),
        ("layers/dense.py", "from minidl.layers.container import Chain", "layers.container", ABOVE),
        ("layers/dense.py", "from minidl.layers import Conv2D", "layers", ABOVE),
        ("layers/container.py", "from . import Conv2D", "layers", ABOVE),
        ("training/loop.py", "from minidl.model import Model", "model", ABOVE),
        ("__init__.py", "from minidl import cli", "cli", ABOVE),
        ("__init__.py", "from minidl.cli.train import main", "cli.train", ABOVE),
        ("functional.py", "from minidl.backends import reference", "backends.reference", CHOSEN),
        ("functional.py", "import minidl.backends.compiled.jit", "backends.compiled.jit", CHOSEN),
        ("backends/vectorized.py", "from minidl.backends.reference import relu", "backends.reference", CHOSEN),
        ("backends/__init__.py", "from minidl.backends import vectorized", "backends.vectorized", CHOSEN),
        ("backends/__init__.py", "from .compiled import conv2d", "backends.compiled", CHOSEN),
        ("backends/compiled/jit.py", "from minidl.backends import current", "backends", ABOVE),
    ],
)
def test_an_import_that_breaks_the_rules(tmp_path, file, content, target, reason):
    """The test can fail: one file of a lawful tree is changed."""
    package = write_lawful_tree(tmp_path / "minidl")
    (package / file).write_text(content)
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    wrong = violations(package)
    assert len(wrong) == 1
    assert re.match(rf"{module}, line [1-3]: imports {target}, {reason}", wrong[0])


@pytest.mark.parametrize("file", ["helpers.py", "backends/other.py", "tools/__init__.py"])
def test_a_file_that_has_no_floor(tmp_path, file):
    package = write_lawful_tree(tmp_path / "minidl")
    (package / file).parent.mkdir(exist_ok=True)
    (package / file).write_text("")
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert violations(package) == [
        f"{module}: unknown file: give it a floor in FLOORS, below all that will import it",
    ]


@pytest.mark.parametrize(
    ("content", "circle"),
    [
        ("from minidl.datasets import files", "datasets.files -> datasets.idx -> datasets.files"),
        ("import minidl.datasets", "datasets -> datasets.files -> datasets.idx -> datasets"),
    ],
)
def test_a_circle_of_imports_in_a_folder(tmp_path, content, circle):
    package = write_lawful_tree(tmp_path / "minidl")
    (package / "datasets/idx.py").write_text(content)
    (wrong,) = violations(package)
    assert wrong == f"{circle}: a circle"


def test_a_lawful_tree(tmp_path):
    assert violations(write_lawful_tree(tmp_path / "minidl")) == []


def write_lawful_tree(package):
    files = {
        "__init__.py": "from minidl import datasets, functional\nfrom minidl.model import Model",
        "errors.py": "import math\nimport numpy as np",
        "typing.py": "from typing import Any",
        "shapes.py": "from minidl.errors import ShapeError\nfrom .typing import Shape",
        "backends/__init__.py": "import importlib\nfrom minidl.typing import Array",
        "backends/reference.py": "import math",
        "backends/vectorized.py": "import numpy",
        "backends/compiled/__init__.py": "from .conv import conv2d\nfrom minidl.backends.vectorized import dense",
        "backends/compiled/conv.py": "import minidl.backends.compiled.jit",
        "backends/compiled/jit.py": "import numba",
        "functional.py": "from minidl import backends, shapes",
        "module.py": "from minidl.errors import ShapeError",
        "layers/__init__.py": "from minidl.layers.conv import Conv2D\nfrom .container import Chain",
        "layers/container.py": "from .conv import Conv2D",
        "layers/conv.py": "from minidl import functional as F",
        "layers/dense.py": "from minidl import functional as F",
        "losses.py": "from minidl.functional import cross_entropy",
        "optim.py": "from minidl import backends",
        "data.py": "",
        "datasets/__init__.py": "from minidl.datasets.files import read\nfrom minidl.datasets.idx import parse",
        "datasets/files.py": "from minidl.datasets.idx import parse",
        "datasets/idx.py": "from minidl.errors import FormatError",
        "training/loop.py": "from minidl import losses, optim",
        "model.py": "from minidl.training import loop\nfrom minidl.layers import Conv2D",
        "cli/__init__.py": "from minidl.cli import train",
        "cli/train.py": "import minidl as ml\nfrom minidl.datasets import idx",
        "__main__.py": "import sys",
    }
    for name, content in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(content)
    return package


def test_the_lowest_floor_needs_the_standard_library_and_numpy_alone():
    modules = files_of(PACKAGE)
    lowest = [module for module in modules if floor_of(module) <= 1]
    assert {"errors", "backends.reference", "backends.reference.conv"} <= set(lowest)
    for module in lowest:
        for node in ast.walk(ast.parse(modules[module].read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                for name in names:
                    folders = ("backends.reference", "errors")
                    own = any(name.startswith(f"minidl.{each}.") and is_below(module, each) for each in folders)
                    assert own or name.split(".")[0] in {*sys.stdlib_module_names, "numpy"}, f"{module} imports {name}"


def natural(name):
    """Ruff's order of `__all__`: constants, then classes, then the rest; the numbers in a name count as numbers."""
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def public_names():
    return {name for name in dir(minidl) if not name.startswith("_")}


def test_all_is_in_order_and_says_each_name_once():
    assert minidl.__all__ == sorted(minidl.__all__, key=natural)
    assert len(set(minidl.__all__)) == len(minidl.__all__)


def test_all_names_everything_public_but_modules_and_nothing_else():
    assert set(minidl.__all__) <= public_names()
    extra = {name for name in public_names() if not isinstance(getattr(minidl, name), types.ModuleType)}
    assert extra == {name for name in minidl.__all__ if not isinstance(getattr(minidl, name), types.ModuleType)}


def test_the_public_modules_are_ours():
    for name in public_names():
        thing = getattr(minidl, name)
        if isinstance(thing, types.ModuleType):
            assert thing.__name__ == f"minidl.{name}"


def test_a_star_import_gives_all(run_python):
    program = "import minidl\nscope = {}\nexec('from minidl import *', scope)\nprint(set(minidl.__all__) - set(scope))"
    assert run_python(program).stdout.strip() == "set()"


@pytest.mark.parametrize("name", minidl.__all__)
def test_each_public_name_has_a_docstring_of_its_own(name):
    thing = getattr(minidl, name)
    text = vars(thing).get("__doc__") if isinstance(thing, type) else thing.__doc__
    assert text
    assert text.strip()


@pytest.mark.parametrize(
    "first", ["functional", "module", "backends.compiled.conv.select", "training.loop", "cli.train"]
)
def test_any_file_may_be_imported_first(first, run_python):
    if first.startswith("backends.compiled"):
        pytest.importorskip("numba")
    program = f"import minidl.{first}\nprint(minidl.Sequential.__name__, minidl.Adam.__name__)"
    assert run_python(program, MINIDL_BACKEND="vectorized").stdout.strip() == "Sequential Adam"


def test_an_import_loads_next_to_nothing(run_python):
    program = "import sys, minidl\nprint([name for name in ('numpy', 'minidl.module') if name in sys.modules])"
    assert run_python(program, MINIDL_BACKEND="vectorized").stdout.strip() == "[]"


def test_parts_are_loaded_when_they_are_first_used(run_python):
    parts = "('augment', 'datasets', 'losses', 'metrics', 'models', 'optim', 'schedules', 'testing')"
    loaded = f"[name for name in {parts} if f'minidl.{{name}}' in sys.modules]"
    program = f"import sys, minidl\nprint({loaded})\nminidl.schedules.Step\nprint({loaded})"
    assert run_python(program).stdout.split("\n")[:2] == ["[]", "['schedules']"]
    program = "import sys, minidl as ml\nml.load, ml.Predictor\nprint('minidl.losses' in sys.modules, ml.Adam.__name__)"
    assert run_python(program).stdout.strip() == "False Adam"
    with pytest.raises(AttributeError, match="no attribute 'dataset'"):
        minidl.dataset  # noqa: B018


def test_importing_minidl_warns_of_nothing(run_python):
    done = run_python("import minidl; print(minidl.__version__)", options=["-W", "error"])
    assert done.stdout.strip() == minidl.__version__
    assert done.stderr == ""


OPERATORS = [name for name, thing in vars(protocol.Backend).items() if inspect.isfunction(thing) and name[0] != "_"]


def test_the_protocol_lists_the_operators():
    assert {"conv2d", "conv2d_backward", "elementwise", "softmax", "cross_entropy", "adam_step"} <= set(OPERATORS)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("name", backends.NAMES)
def test_each_backend_has_each_operator_with_its_parameters(name, operator):
    module = importlib.import_module(f"minidl.backends.{name}")
    wanted = list(inspect.signature(getattr(protocol.Backend, operator)).parameters.values())[1:]  # but self
    got = inspect.signature(getattr(module, operator)).parameters.values()
    assert [(p.name, p.kind) for p in got] == [(p.name, p.kind) for p in wanted]


@pytest.mark.compiled
@pytest.mark.parametrize("operator", OPERATORS)
def test_the_backends_agree_on_defaults(operator):
    modules = [importlib.import_module(f"minidl.backends.{name}") for name in backends.NAMES]
    defaults = [
        [(p.name, p.default) for p in inspect.signature(getattr(module, operator)).parameters.values()]
        for module in modules
    ]
    assert defaults == defaults[:1] * len(defaults)
