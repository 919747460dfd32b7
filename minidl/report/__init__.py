"""A model, and how well it does, as one HTML page that needs nothing from outside.

`minidl report RUN` writes the page of a run; `write_report` and `html` make it of any model. The curves and filters
need matplotlib: `pip install "minidl[plot]"`.
"""

from minidl.report.page import html, write_report

__all__ = ["html", "write_report"]
