"""Which numbers of a row cross at every step, and which for some steps only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jaxarc.records.layout import Field

__all__ = ["arranged"]

_SMALL_BYTES = 64
"""Leaves below this cross at every step: saying for which steps they cross would cost as much."""

_LARGE_BYTES = 256
"""Leaves of a state below this cross at every step: it takes only one that changes often for all to cross."""

_MAX_UNITS = 31


def arranged(fields: Sequence[Field]) -> list[tuple[int, Field]]:
    """Say of each row field when it crosses, and put first what does at every step.

    Args:
        fields: the fields of a row that share no other's numbers.

    Returns:
        For each field its position in ``fields`` and the field with ``sent``, in the order of a row.
    """
    following = sum(field.num_bytes for field in fields if field.role == "next_observation")
    constant = sum(field.num_bytes for field in fields if field.role == "episode")
    every: list[tuple[int, Field]] = []
    some: list[tuple[int, Field]] = []
    for position, field in enumerate(fields):
        sent = "every"
        if field.role == "next_observation" and following >= _SMALL_BYTES:
            sent = "unchained"
        elif field.role == "episode" and constant >= _SMALL_BYTES:
            sent = "starts"
        elif field.role == "state" and field.num_bytes >= _LARGE_BYTES and len(some) < _MAX_UNITS - 2:
            sent = "changed"
        (every if sent == "every" else some).append((position, replace(field, sent=sent)))
    return [*every, *some]
