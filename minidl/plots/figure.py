"""A matplotlib Figure that notebooks show: matplotlib's own is shown only once pyplot has been imported."""

import io

import matplotlib.figure


class Figure(matplotlib.figure.Figure):
    """A matplotlib Figure in every way, with a picture of itself for notebooks."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()
