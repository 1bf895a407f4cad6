"""Where the parts of a segment go: the one seam between what a segment holds and the format of its file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from jaxarc.records.layout import Field

__all__ = ["SegmentSink"]


class SegmentSink(Protocol):
    """Take the parts of one segment in any order, each once.

    Names are paths with slashes from the root of the segment (``steps/0a1b2c3d/observation/board``), as
    ``docs/format.md`` lists them.
    """

    def group(self, name: str) -> None:
        """Hear of a group that is there even when nothing comes for it; parents of parts need no telling."""
        ...

    def attribute(self, group: str, name: str, value: str | int) -> None:
        """Take an attribute of a group; the root is ``/``."""
        ...

    def column(self, name: str, values: np.ndarray) -> None:
        """Take a column: booleans, integers, floats or text of fixed width (``S``), [n]."""
        ...

    def scalar(self, name: str, field: Field, values: np.ndarray) -> None:
        """Take the values [n] of a scalar field, in the dtype of the program."""
        ...

    def rows(self, name: str, field: Field, packed: Sequence[np.ndarray]) -> None:
        """Take the octets or words of a row field, in parts [n numbers] that follow each other.

        ``field.decode`` makes values of them.
        """
        ...
