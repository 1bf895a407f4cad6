"""Names of label values, and the documents that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jaxarc.errors import CaptureError
from jaxarc.records.table import EpisodeTable

__all__ = ["LabelNames"]


class LabelNames:
    """What the values of labels are called, and what is known of them.

    Args:
        write_document: ``(folder, name, content)``: stores a document of the run, once.
    """

    def __init__(self, write_document: Callable[[str, str, Mapping[str, Any]], None]):
        self._write_document = write_document
        self._names: dict[str, Sequence[str]] = {}
        self._written: set[tuple[str, int]] = set()

    def add(self, names: Mapping[str, Sequence[str]]) -> None:
        """Take the names of some labels, the name of value 0 first; later ones replace earlier ones.

        Raises:
            CaptureError: what is given for a label is no sequence.
        """
        for label, values in names.items():
            if isinstance(values, (str, Mapping)) or not hasattr(values, "__getitem__"):
                raise CaptureError(
                    f"names of {label} are a {type(values).__name__}; "
                    "give a sequence, the name of value 0 first"
                )
        self._names = {**self._names, **names}

    def of(self, label: str, values: np.ndarray) -> list[str]:
        """Return the names of label values; an empty one where the label has no names."""
        names = self._names.get(label)
        if names is None:
            return [""] * len(values)
        return [str(names[value]) if 0 <= value < len(names) else str(value) for value in values.tolist()]

    def store_documents(self, episodes: EpisodeTable) -> None:
        """Store what the names know of the values in these rows (``document(index)``), once each."""
        for label, names in self._names.items():
            document = getattr(names, "document", None)
            if document is None or label not in episodes:
                continue
            for value in np.unique(episodes[label]).tolist():
                if 0 <= value < len(names) and (label, value) not in self._written:
                    self._write_document(f"{label}s", str(names[value]), document(value))
                    self._written.add((label, value))
