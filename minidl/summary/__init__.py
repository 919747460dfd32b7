"""A model as a table: what each layer gives, holds and costs."""

from minidl.summary.table import summarize

__all__ = ["summarize"]
