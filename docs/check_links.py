"""Check the links of built pages: every local target is there, with its anchor, and every other address is one.

    python docs/check_links.py docs/_build/html            `make docs` does so
    python docs/check_links.py docs/_build/html --list     also prints the addresses that lead elsewhere

Nothing is fetched; `make linkcheck` asks the network whether the addresses elsewhere answer.
"""

import argparse
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LINKING = {("a", "href"), ("link", "href"), ("img", "src"), ("script", "src"), ("source", "src"), ("iframe", "src")}
ELSEWHERE = ("https", "mailto")
"""What an address that leads elsewhere may begin with."""


class Page(HTMLParser):
    """What one page links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value or "")
            elif (tag, name) in LINKING:
                self.targets.append(value or "")


def problems(root: Path) -> tuple[list[str], list[str]]:
    """What is wrong with the links of the pages in a folder, a line for each, and the addresses that lead elsewhere."""
    root = root.resolve()
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(root.rglob("*.html"))}
    if not pages:
        raise FileNotFoundError(f"{root}: no pages: build them first")
    wrong, elsewhere = [], set()
    for path, page in pages.items():
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                elsewhere.add(target)
                problem = _address(target)
            else:
                problem = _local(path, target, pages, root)
            if problem:
                wrong.append(f"{path.relative_to(root)}: {target!r}: {problem}")
    return list(dict.fromkeys(wrong)), sorted(elsewhere)


def _address(target: str) -> str | None:
    """What is wrong with an address that leads elsewhere, as far as it can be seen from here."""
    parts = urlsplit(target)
    if parts.scheme not in ELSEWHERE:
        return f"expected {' or '.join(ELSEWHERE)}"
    if any(character.isspace() for character in target):
        return "has a space in it"
    host = parts.netloc if parts.scheme == "https" else parts.path.partition("@")[2]
    return None if "." in host.strip(".") else "has no host"


def _local(path: Path, target: str, pages: dict[Path, Page], root: Path) -> str | None:
    parts = urlsplit(target)
    there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if there.is_dir():
        there /= "index.html"
    if not there.is_relative_to(root):
        return "leads out of the pages"
    if not there.is_file():
        return "isn't there"
    anchor = unquote(parts.fragment)
    if anchor and there in pages and anchor not in pages[there].anchors:
        return f"has no anchor {anchor!r}"
    return None


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of the built pages")
    parser.add_argument("--list", action="store_true", help="print the addresses that lead elsewhere")
    options = parser.parse_args()
    try:
        wrong, elsewhere = problems(options.folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    if options.list:
        print("\n".join(elsewhere))
    print("\n".join(wrong), end="\n" * bool(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
