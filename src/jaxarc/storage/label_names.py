"""Names of label values, and the documents that belong to them."""

from __future__ import annotations

import threading
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
        self._lock = threading.Lock()
        self._numbers: dict[str, dict[str, int]] = {}
        self._learnt: dict[str, tuple[int, list[str]]] = {}

    def add(self, names: Mapping[str, Sequence[str]]) -> None:
        """Take the names of some labels, the name of value 0 first; later ones replace earlier ones.

        Raises:
            CaptureError: what is given for a label is no sequence, or calls a value by another name than
                ``number_of`` did.
        """
        for label, values in names.items():
            if isinstance(values, (str, Mapping)) or not hasattr(values, "__getitem__"):
                raise CaptureError(
                    f"names of {label} are a {type(values).__name__}; "
                    "give a sequence, the name of value 0 first"
                )
        with self._lock:
            for label, values in names.items():
                first, learnt = self._learnt.get(label, (0, []))
                later = [str(name) for name in values[first : first + len(learnt)]]
                if learnt and later != learnt[: len(later)]:
                    raise CaptureError(
                        f"value {first} of {label} is {learnt[0]!r} already, from recorder.episode; "
                        "call recorder.names before the first episode"
                    )
                if not learnt:
                    self._numbers.pop(label, None)
            self._names = {**self._names, **names}

    def of(self, label: str, values: np.ndarray) -> list[str]:
        """Return the names of label values; an empty one where the label has no names."""
        names, (first, learnt) = self._names.get(label), self._learnt.get(label, (0, ()))
        if names is None and not learnt:
            return [""] * len(values)

        def name(value: int) -> str:
            if names is not None and 0 <= value < len(names):
                return str(names[value])
            if 0 <= value - first < len(learnt):
                return learnt[value - first]
            return str(value) if value >= 0 else ""

        return [name(value) for value in values.tolist()]

    def number_of(self, label: str, name: str) -> int:
        """Return the value of a label that has this name; a new name gets the next value."""
        with self._lock:
            given = self._names.get(label, ())
            numbers = self._numbers.get(label)
            if numbers is None:
                numbers = {str(known): value for value, known in enumerate(given)}
                self._numbers[label] = numbers
            if name not in numbers:
                first, learnt = self._learnt.setdefault(label, (len(given), []))
                numbers[name] = first + len(learnt)
                learnt.append(name)
            return numbers[name]

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
