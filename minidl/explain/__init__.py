"""Pages that explain a network: one picture on its way through it, number by number, in a browser."""

from minidl.explain.document import page, write_page
from minidl.explain.snapshots import Snapshots

__all__ = ["Snapshots", "page", "write_page"]
