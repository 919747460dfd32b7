"""The documents are true: their examples give the output shown, their links lead somewhere, their versions agree."""

import doctest
import re
import tomllib
from pathlib import Path

import pytest

import minidl

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "examples").glob("*/README.md"))]

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\((?P<target>[^)\s]+)\)")
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


@pytest.mark.compiled
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
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
    without = {page.name for page in PAGES if not code_blocks(page.read_text("utf-8"))}
    assert without <= {"index.md", "api.md"}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page):
    broken = []
    for match in LINK.finditer(FENCE.sub("", page.read_text("utf-8"))):
        path, _, anchor = match["target"].partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        target = (page.parent / path).resolve() if path else page
        missing_anchor = bool(anchor) and target.suffix == ".md" and target.is_file() and anchor not in headings(target)
        if not target.exists() or missing_anchor:
            broken.append(match["target"])
    assert not broken


def test_every_public_name_is_in_the_reference():
    reference = (ROOT / "docs" / "api.md").read_text("utf-8")
    documented = set(re.findall(r"^\.\. auto\w+:: minidl\.(\w+)", reference, re.MULTILINE))
    assert set(minidl.__all__) <= documented


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
