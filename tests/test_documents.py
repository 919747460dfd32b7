"""The documents are true: their examples give the output shown, their links lead somewhere, their versions agree."""

import ast
import dataclasses
import doctest
import importlib
import inspect
import itertools
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import minidl
from docs import build_tables

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MADE = {"_build", "_figures", "_tables"}
PAGES = [
    ROOT / "README.md",
    *(path for path in sorted(DOCS.rglob("*.md")) if not MADE & set(path.relative_to(DOCS).parts)),
]
LINKING = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "examples").glob("*/README.md")),
]
WITHOUT_EXAMPLES = {"index.md", "api.md", "benchmarks.md", "recipes/index.md", "recipes/service.md"}
SUBPACKAGES = (
    "augment", "datasets", "distributed", "functional", "initializers", "inspection", "metrics", "models", "plots",
    "report", "schedules", "sklearn", "testing",
)  # fmt: skip

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
# [text](target), ![text](target), a directive that shows or includes a file, and HTML's own attributes.
LINK = re.compile(
    r"\[[^\]\n]*\]\((?P<link>[^)\s]+)\)|^[`:]{3,}\{(?:figure|image|include)\} (?P<shown>\S+)$"
    r"|\b(?:src|srcset|href)=\"(?P<html>[^\"]+)\"",
    re.MULTILINE,
)
ENTRY = re.compile(r"^\.\. auto(?:class|function|exception|data):: minidl\.([\w.]+)", re.MULTILINE)
MODULE = re.compile(r"^\.\. automodule:: minidl\.([\w.]+)\n +:members:", re.MULTILINE)
SUMMARY = re.compile(r"^   minidl\.([\w.]+)$", re.MULTILINE)
# A number that stands alone: neither part of a name such as conv2d nor of a longer number.
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+(?:\.(?P<decimals>\d+))?(?:e(?P<exponent>[+-]?\d+))?(?![\w.]*\w)")


class NumberChecker(doctest.OutputChecker):
    """Compares numbers with a decimal point to the last digit that the page shows, give or take one."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        wanted, found = list(NUMBER.finditer(want)), list(NUMBER.finditer(got))
        if len(wanted) == len(found):
            # From the end, so that earlier positions stay right while text is exchanged.
            for shown, actual in reversed(list(zip(wanted, found, strict=True))):
                if shown["decimals"] and abs(float(shown[0]) - float(actual[0])) <= 1.001 * last_digit(shown):
                    got = got[: actual.start()] + shown[0] + got[actual.end() :]
        return super().check_output(want, got, optionflags)


def last_digit(number: re.Match[str]) -> float:
    """What one more in the last digit of a number is worth: 0.01 for 3.14."""
    return 10.0 ** (int(number["exponent"] or 0) - len(number["decimals"]))


def code_blocks(text: str) -> list[tuple[int, str]]:
    """(number of lines before it, text) of each fenced block that has examples in it."""
    blocks = ((text[: match.start("body")].count("\n"), match["body"]) for match in FENCE.finditer(text))
    return [(line, body) for line, body in blocks if ">>> " in body]


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST form them."""
    titles = re.findall(r"^#+ +(.+?)\s*$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def named(page: Path) -> str:
    """A page's place in the documents."""
    return str(page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT))


@pytest.fixture
def same_threads_afterwards():
    threads = minidl.num_threads()
    yield
    minidl.set_num_threads(threads)


@pytest.mark.compiled
@pytest.mark.usefixtures("same_threads_afterwards")
@pytest.mark.parametrize("page", PAGES, ids=named)
def test_examples(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner = doctest.DocTestRunner(NumberChecker(), verbose=False, optionflags=flags)
    report: list[str] = []
    names = {"__name__": "__main__"}
    for line, body in code_blocks(page.read_text("utf-8")):
        test = doctest.DocTestParser().get_doctest(body, names, page.name, str(page), line)
        runner.run(test, out=report.append, clear_globs=False)
        names = test.globs  # a page is one session: later blocks see the names of earlier ones
    assert not runner.failures, "".join(report)


def test_pages_have_examples():
    without = {named(page) for page in PAGES if not code_blocks(page.read_text("utf-8"))}
    assert {name for name in without if not name.startswith("api/")} <= WITHOUT_EXAMPLES


def made_files() -> set[Path]:
    """What a build makes for the pages to show: the figures by their names in the source, the tables by suite."""
    figures = set()
    for path in sorted((DOCS / "figures").glob("*.py")):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FIGURES":
                assert isinstance(node.value, ast.Dict), f"{path}: expected FIGURES to be a plain dict"
                figures |= {DOCS / "_figures" / f"{ast.literal_eval(key)}.svg" for key in node.value.keys if key}
    suites = {path.stem for path in (DOCS / "results").glob("*.json")}
    tables = suites.union(build_tables.ACROSS, build_tables.PREDICTED, {"headline"})
    return figures | {DOCS / "_tables" / f"{name}.md" for name in tables}


def broken_links(page: Path) -> list[str]:
    """The local targets of a page that aren't there, or haven't the anchor; of images, those without a text too."""
    text = page.read_text("utf-8")
    without_code = FENCE.sub(lambda match: match[0] if match["info"].startswith("{") else "", text)
    made, broken = made_files(), []
    for match in LINK.finditer(without_code):
        target = next(filter(None, match.groups()))
        path, _, anchor = target.partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        there = (page.parent / path).resolve() if path else page
        missing_anchor = bool(anchor) and there.suffix == ".md" and there.is_file() and anchor not in headings(there)
        is_there = there in made if MADE & set(there.parts) else there.exists()
        if not is_there or missing_anchor:
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", LINKING, ids=named)
def test_links(page):
    assert not broken_links(page)


def test_broken_links_are_found(tmp_path):
    page = tmp_path / "page.md"
    links = ["[a](gone.md)", "![b](gone.png)", '<img src="gone.svg">', "[c](#gone)", "[d](page.md#gone)"]
    page.write_text("# Here\n\n" + " ".join(links) + " [e](#here) [f](https://example.org) [g](page.md#here)\n")
    assert broken_links(page) == ["gone.md", "gone.png", "gone.svg", "#gone", "page.md#gone"]
    page.write_text("```{figure} gone.svg\n:alt: b\n```\n\n```sh\n[a](gone.md)\n```\n")
    assert broken_links(page) == ["gone.svg"]


def test_no_line_of_a_paragraph_begins_like_a_list():
    """ "from 0 to" with "1. " in the next line is a list to Markdown, which a paragraph ends for."""
    mistaken = []
    for page in LINKING:
        lines = FENCE.sub("", page.read_text("utf-8")).split("\n")
        for before, line in itertools.pairwise(lines):
            if re.match(r"1[.)] |[-+*] ", line) and before.strip() and not re.match(r"\s|\d+[.)] |[-+*] ", before):
                mistaken.append(f"{named(page)}: {line}")
    assert not mistaken


def test_figures_say_what_they_show():
    silent = []
    for page in PAGES:
        for match in re.finditer(r"^```\{(?:figure|image)\} (\S+)\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
            if not re.search(r"^:alt: \S", match[2], re.MULTILINE):
                silent.append(f"{named(page)}: {match[1]}")
    assert not silent


def reference_pages() -> dict[str, str]:
    """The pages of the reference."""
    return {named(page): page.read_text("utf-8") for page in [DOCS / "api.md", *sorted((DOCS / "api").glob("*.md"))]}


def documented(text: str) -> set[str]:
    """The names that a page describes, without "minidl."."""
    names = set(ENTRY.findall(text))
    for module in MODULE.findall(text):
        members = importlib.import_module(f"minidl.{module}")
        names |= {f"{module}.{name}" for name in public_names(members)}
    return names


def public_names(module) -> set[str]:
    """Its __all__, or else the functions and classes that are its own."""
    if hasattr(module, "__all__"):
        return set(module.__all__)
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    }


def test_every_public_name_is_in_the_reference():
    names = set().union(*(documented(text) for text in reference_pages().values()))
    public = {name for name in minidl.__all__ if not inspect.ismodule(getattr(minidl, name))}
    for subpackage in SUBPACKAGES:
        # What the top level has too is described there.
        module = importlib.import_module(f"minidl.{subpackage}")
        for name in public_names(module):
            value = getattr(module, name)
            if callable(value) and (name not in minidl.__all__ or getattr(minidl, name) is not value):
                public.add(f"{subpackage}.{name}")
    assert public - names == set()


def test_the_reference_names_attributes_that_are_loaded_when_used():
    names = sorted(set().union(*(documented(text) for text in reference_pages().values())))
    code = """
import functools, sys
import minidl as ml
late = ["minidl.plots", "minidl.report", "minidl.inspection", "minidl.explain", "minidl.summary"]
early = [name for name in late if name in sys.modules]
missing = []
for name in sys.argv[1:]:
    try:
        functools.reduce(getattr, name.split("."), ml)
    except AttributeError:
        missing.append(name)
print(early, missing)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.stdout == "[] []\n"


def test_summaries_name_what_their_page_describes():
    for name, text in reference_pages().items():
        assert set(SUMMARY.findall(text)) <= documented(text), name


def is_described(word: str, text: str) -> bool:
    return re.search(rf"\b{word}\b", text) is not None


def undescribed_arguments(kind: type) -> list[str]:
    """The arguments of a class's constructor that neither its docstring nor those of its bases mention."""
    texts = " ".join(base.__dict__.get("__doc__") or "" for base in kind.__mro__ if base is not object)
    arguments = [name for name, parameter in inspect.signature(kind).parameters.items() if parameter.kind not in (2, 4)]
    return [name for name in arguments if not is_described(name, texts)]


PUBLIC_CLASSES = {
    f"{module.__name__}.{name}": value
    for module in (minidl, *(importlib.import_module(f"minidl.{name}") for name in SUBPACKAGES))
    for name in sorted(public_names(module))
    if inspect.isclass(value := getattr(module, name))
    and not issubclass(value, (Exception, list, dict))
    and not dataclasses.is_dataclass(value)  # each field has its docstring below it
}


@pytest.mark.parametrize("name", PUBLIC_CLASSES)
def test_docstrings_describe_every_argument(name):
    assert undescribed_arguments(PUBLIC_CLASSES[name]) == []


def test_install_names_every_extra_and_what_it_brings():
    """Those of users as rows of the table; test, docs and dev, which are for work on minidl, as words."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    text = (DOCS / "install.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE)
    extras = {
        name: [re.match(r"[\w-]+", requirement)[0] for requirement in requirements]
        for name, requirements in project["optional-dependencies"].items()
    }
    developers = {name: extras.pop(name) for name in ("test", "docs", "dev")}
    assert {name: list(dict.fromkeys(brings.split(", "))) for name, brings in rows} == extras
    assert all(f"`{name}`" in text for name in developers)
    assert f"Python {project['requires-python'].removeprefix('>=')} or newer" in text


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    release = re.search(r"^## \[(\d\S*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    cited = re.search(r"^version: (\S+)$", citation, re.MULTILINE)
    cited_date = re.search(r'^date-released: "?([\d-]+)"?$', citation, re.MULTILINE)
    assert release
    assert cited
    assert cited_date
    assert minidl.__version__ == project["version"] == cited[1] == release[1]
    assert cited_date[1] == release[2]


def test_checker_compares_decimals_to_the_digit_shown():
    check = NumberChecker().check_output
    assert check("{'loss': 0.71}\n", "{'loss': 0.7049}\n", 0)
    assert not check("{'loss': 0.71}\n", "{'loss': 0.735}\n", 0)
    assert check("1.2e-07\n", "1.25e-07\n", 0)
    assert not check("1.2e-07\n", "1.2e-06\n", 0)
    assert not check("5000 images\n", "5001 images\n", 0)
    assert not check("conv2.5d\n", "conv2.5e\n", 0)
