"""A model as a table: what each layer gives, holds and costs."""

from minidl.summary.table import Row, Summary, summarize

__all__ = ["Row", "Summary", "summarize"]
