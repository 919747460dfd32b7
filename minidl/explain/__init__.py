"""Pages that explain a network: one picture on its way through it, number by number, in a browser."""

from minidl.explain.document import page, write_page

__all__ = ["page", "write_page"]
