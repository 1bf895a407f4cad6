"""The names of loaded tasks, and each task's content as JSON-able data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from jaxarc.errors import UnknownTaskError, closest

__all__ = ["TaskIds"]


class TaskIds(tuple[str, ...]):
    """Task ids in the order of ``task_idx``; a tuple that can also give a task's content.

    Args:
        ids: the ids.
        content: returns the document of the task at an index.
    """

    _content: Callable[[int], dict[str, Any]]

    def __new__(cls, ids: Iterable[str], content: Callable[[int], dict[str, Any]]) -> TaskIds:
        self = super().__new__(cls, ids)
        self._content = content
        return self

    def __reduce__(self) -> tuple[type[tuple], tuple[tuple[str, ...]]]:
        return tuple, (tuple(self),)

    def document(self, index_or_id: int | str) -> dict[str, Any]:
        """Return a task as ``{"train": [{"input", "output"}, …], "test": […]}``, boards as lists of ints.

        Args:
            index_or_id: the task's index (negative: from the end) or its id.

        Raises:
            UnknownTaskError: there is no such task.
        """
        if isinstance(index_or_id, str):
            if index_or_id not in self:
                raise UnknownTaskError(f"no task {index_or_id!r} is loaded{closest(index_or_id, self)}")
            return self._content(self.index(index_or_id))
        index = int(index_or_id)
        if not -len(self) <= index < len(self):
            raise UnknownTaskError(f"no task {index} is loaded; {len(self)} tasks are, numbered from 0")
        return self._content(index % len(self))
