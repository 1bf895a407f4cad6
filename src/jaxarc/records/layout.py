"""How a Step lies in the arrays that cross to the host: one description for both sides.

A step crosses as runs of numbers. *Scalars* (reward, metrics, labels, one word of flags) cross for every
environment as 32-bit words. *Rows* (observation, action, info, state, …) cross for the selected
environments, one-byte types as octets, everything else as 32-bit words. With a journal, actions, keys and
hashes of the state cross for the journalled environments, and their states at keyframes. ``capture.packing``
writes what ``Field.decode`` reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from math import prod
from typing import Any

import numpy as np

__all__ = [
    "FLAG_ACTIVE",
    "FLAG_MARK",
    "FLAG_START",
    "FLAG_SUCCESS",
    "FLAG_TERMINATED",
    "FLAG_TRUNCATED",
    "OBSERVED",
    "Field",
    "Layout",
    "PathKey",
    "Unit",
    "WATCH_SCALARS",
    "Watched",
    "layout_digest",
    "numpy_dtype",
    "unflatten",
]

PathKey = str | int

OBSERVED = ("observation", "next_observation")
"""The two parts of a Step that hold observations."""

FLAG_TERMINATED = 1
FLAG_TRUNCATED = 2
FLAG_ACTIVE = 4
FLAG_START = 8
FLAG_MARK = 16
FLAG_SUCCESS = 32

WATCH_SCALARS = ("leaf", "position", "kind", "total", "leaves", "has_step", "step_low", "step_high")
"""Scalars of a call of ``recorder.watch``: what its search found, and the step where it was given."""

_NARROW_INTEGERS = ("int4", "uint4", "int2", "uint2")


@lru_cache(64)
def numpy_dtype(name: str) -> np.dtype:
    """Return the NumPy dtype called ``name``, the ones of ml_dtypes (bfloat16, float8) included."""
    try:
        return np.dtype(name)
    except TypeError:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))


@dataclass(frozen=True)
class Field:
    """One leaf of a Step.

    Attributes:
        role: the Step attribute that it belongs to (``observation``, ``metrics``, …).
        path: the keys from that attribute to the leaf; strings for names, integers for positions.
        dtype: name of the dtype it had in the program; ``uint32`` for the words of a PRNG key.
        shape: shape of one step's value.
        key_impl: the PRNG implementation when the leaf was a typed key array, else empty.
        shares: position of an earlier row field that is the same array in the program and crosses for both,
            or -1.
        sent: when the numbers cross: at ``every`` step; where an episode ``starts`` (its constants);
            ``unchained``, where they are not those of the observation one step later; or ``changed``, where
            they are not those of one step before. What does not cross the host fills in.
    """

    role: str
    path: tuple[PathKey, ...]
    dtype: str
    shape: tuple[int, ...]
    key_impl: str = ""
    shares: int = -1
    sent: str = "every"

    @cached_property
    def size(self) -> int:
        """Number of elements of one step's value."""
        return prod(self.shape)

    @cached_property
    def name(self) -> str:
        """The leaf as a user would write it (``info.value``, ``observation[0]``)."""
        keys = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path)
        return f"{self.role}{keys}"

    @cached_property
    def codec(self) -> str:
        """How the leaf crosses: ``bits``, ``octets``, ``narrow`` (4-bit integers), ``half`` or ``words``."""
        if self.dtype == "bool":
            return "bits"
        if self.dtype in _NARROW_INTEGERS:
            return "narrow"
        itemsize = numpy_dtype(self.dtype).itemsize
        return {1: "octets", 2: "half"}.get(itemsize, "words")

    @cached_property
    def num_octets(self) -> int:
        """int8 elements that one step's value takes as a row."""
        if self.codec == "bits":
            return (self.size + 7) // 8
        return self.size if self.codec in ("octets", "narrow") else 0

    @cached_property
    def num_words(self) -> int:
        """int32 elements that one step's value takes as a row."""
        if self.codec == "half":
            return self.size
        return self.size * numpy_dtype(self.dtype).itemsize // 4 if self.codec == "words" else 0

    @cached_property
    def num_bytes(self) -> int:
        """Bytes that one step's value takes as a row."""
        return self.num_octets + 4 * self.num_words

    @cached_property
    def num_scalar_words(self) -> int:
        """int32 elements that the value takes as a scalar, where one-byte types are widened."""
        return self.num_words or 1

    def decode(self, packed: np.ndarray) -> np.ndarray:
        """Turn the octets or words of this field back into values.

        Args:
            packed: int8[..., num_octets] or int32[..., num_words].

        Returns:
            Array[..., *shape] of the field's dtype.
        """
        lead = packed.shape[:-1]
        codec = self.codec
        if codec == "bits":
            bits = np.unpackbits(np.ascontiguousarray(packed).view(np.uint8), axis=-1, count=self.size)
            return bits.astype(np.bool_).reshape((*lead, *self.shape))
        dtype = numpy_dtype(self.dtype)
        if codec == "narrow":
            return packed.astype(dtype).reshape((*lead, *self.shape))
        if codec == "half":
            if dtype.kind in "iu":
                return packed.astype(dtype).reshape((*lead, *self.shape))
            return packed.astype(np.uint16).view(dtype).reshape((*lead, *self.shape))
        return np.ascontiguousarray(packed).view(dtype).reshape((*lead, *self.shape))

    def decode_scalar(self, packed: np.ndarray) -> np.ndarray:
        """Turn int32[..., num_scalar_words] into values [...] of the field's dtype."""
        lead = packed.shape[:-1]
        if self.codec in ("bits", "octets", "narrow"):
            dtype = numpy_dtype(self.dtype)
            if self.dtype.startswith("float"):
                return packed.reshape(lead).astype(np.uint8).view(dtype)
            return packed.reshape(lead).astype(dtype)
        return self.decode(packed).reshape(lead)


@dataclass(frozen=True)
class Unit:
    """Row fields that cross together, for some steps only.

    Attributes:
        sent: as in ``Field``.
        fields: their positions in ``Layout.rows``.
        words, octets: their numbers as slices of a row.
    """

    sent: str
    fields: tuple[int, ...]
    words: slice
    octets: slice


@dataclass(frozen=True)
class Watched:
    """One leaf that ``recorder.watch`` looks at.

    Attributes:
        name: its path, as text.
        shape: its shape in the program, without the axes of members.
        axes: names of its leading axes.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """Where every leaf of a Step lies, and what the program was told to send.

    Attributes:
        kind: ``steps`` (Steps of a stream), ``journal`` and ``keyframes`` (parts of one), or ``metrics`` (a
            call of ``recorder.log``) and ``watch`` (one of ``recorder.watch``).
        stream: name of the stream.
        program: ``scalars``, ``steps`` or ``states``: what crosses.
        given: the optional Step attributes that the user filled.
        scalars: fields of the scalar words, after one word of flags.
        rows: fields of the rows, in their order; empty for ``scalars``. What crosses at every step is first.
        journal: fields of the rows that cross for ``journal_envs`` besides; empty where ``rows`` hold them.
        journal_envs: ``selected``, ``all``, or empty without a journal.
        keyframes: leaves of the state that cross at the starts of episodes and every so many steps.
        watched: what a call of ``recorder.watch`` looks at; nothing of it crosses.
    """

    kind: str
    stream: str
    program: str
    given: tuple[str, ...]
    scalars: tuple[Field, ...]
    rows: tuple[Field, ...]
    journal: tuple[Field, ...] = ()
    journal_envs: str = ""
    keyframes: tuple[Field, ...] = ()
    watched: tuple[Watched, ...] = ()

    @cached_property
    def id(self) -> int:
        """A 31-bit digest: the same layout has the same id in every process."""
        return layout_digest(self.json_text)

    @cached_property
    def num_scalar_words(self) -> int:
        """int32 elements per environment and step, the word of flags included."""
        return 1 + sum(field.num_scalar_words for field in self.scalars)

    @cached_property
    def num_words(self) -> int:
        """int32 elements of a row."""
        return sum(field.num_words for field in self.rows if field.shares < 0)

    @cached_property
    def num_octets(self) -> int:
        """int8 elements of a row."""
        return sum(field.num_octets for field in self.rows if field.shares < 0)

    @cached_property
    def row_bytes(self) -> int:
        """Bytes of a whole row."""
        return 4 * self.num_words + self.num_octets

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """What crosses for some steps only: constants, next observations, each large leaf of the state."""
        groups: dict[tuple[str, int], list[int]] = {}
        for position, field in enumerate(self.rows):
            if field.sent != "every" and field.shares < 0:
                apart = position if field.sent == "changed" else 0
                groups.setdefault((field.sent, apart), []).append(position)
        return tuple(
            Unit(sent, tuple(fields), self._span(fields, 0), self._span(fields, 1))
            for (sent, _), fields in groups.items()
        )

    def _span(self, fields: Sequence[int], kind: int) -> slice:
        """Return where the words (0) or octets (1) of neighbouring fields lie in a row."""
        sizes = [(field.num_words, field.num_octets)[kind] for field in self.rows]
        start = self.row_offsets[fields[0]][kind]
        return slice(start, start + sum(sizes[position] for position in fields))

    @cached_property
    def every_words(self) -> int:
        """int32 elements of a row that cross at every step; they are its first."""
        return min([unit.words.start for unit in self.units], default=self.num_words)

    @cached_property
    def every_octets(self) -> int:
        """int8 elements of a row that cross at every step; they are its first."""
        return min([unit.octets.start for unit in self.units], default=self.num_octets)

    @cached_property
    def every_bytes(self) -> int:
        """Bytes of a row that cross at every step."""
        return 4 * self.every_words + self.every_octets

    @cached_property
    def journal_layout(self) -> Layout:
        """What the rows of the journal hold."""
        return replace(self, kind="journal", rows=self.journal, journal=(), journal_envs="", keyframes=())

    @cached_property
    def keyframe_layout(self) -> Layout:
        """What the states at keyframes hold."""
        return replace(self, kind="keyframes", rows=self.keyframes, journal=(), journal_envs="", keyframes=())

    @cached_property
    def scalar_offsets(self) -> tuple[int, ...]:
        """Position of each scalar field's first word."""
        offsets, position = [], 1
        for field in self.scalars:
            offsets.append(position)
            position += field.num_scalar_words
        return tuple(offsets)

    @cached_property
    def row_offsets(self) -> tuple[tuple[int, int], ...]:
        """Position of each row field's first word and first octet."""
        offsets: list[tuple[int, int]] = []
        words, octets = 0, 0
        for field in self.rows:
            if field.shares >= 0:
                offsets.append(offsets[field.shares])
                continue
            offsets.append((words, octets))
            words += field.num_words
            octets += field.num_octets
        return tuple(offsets)

    @cached_property
    def following(self) -> dict[int, int]:
        """For each observation field the position of the field that holds it after the step."""

        def places(role: str) -> dict[tuple[PathKey, ...], int]:
            return {field.path: i for i, field in enumerate(self.rows) if field.role == role}

        after = places("next_observation")
        return {i: after[path] for path, i in places("observation").items() if path in after}

    @cached_property
    def json_text(self) -> str:
        """The layout as JSON."""
        return json.dumps(self.to_json(), sort_keys=True)

    @property
    def chained(self) -> bool:
        """Whether observations before and after the steps are here, so that most of them are both."""
        return bool(self.following)

    def has(self, role: str) -> bool:
        """Say whether the user filled this optional attribute of the Step."""
        return role in self.given

    def decode_scalar(self, index: int, scalars: np.ndarray) -> np.ndarray:
        """Return the values [...] of scalar field ``index`` from int32[..., num_scalar_words]."""
        start = self.scalar_offsets[index]
        field = self.scalars[index]
        return field.decode_scalar(scalars[..., start : start + field.num_scalar_words])

    def decode_row(self, index: int, words: np.ndarray, octets: np.ndarray) -> np.ndarray:
        """Return the values [..., *shape] of row field ``index``."""
        field = self.rows[index]
        word, octet = self.row_offsets[index]
        if field.codec in ("words", "half"):
            return field.decode(words[..., word : word + field.num_words])
        return field.decode(octets[..., octet : octet + field.num_octets])

    def to_json(self) -> dict[str, Any]:
        """Return the layout as plain JSON values; ``from_json`` reads it."""
        value = asdict(self)
        if not self.watched:  # layouts of segments have no such key
            del value["watched"]
        return value

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Layout:
        """Read what ``to_json`` wrote; keys of later versions are ignored."""

        def fields(items: list[dict[str, Any]]) -> tuple[Field, ...]:
            return tuple(
                Field(
                    role=item["role"],
                    path=tuple(item["path"]),
                    dtype=item["dtype"],
                    shape=tuple(item["shape"]),
                    key_impl=item.get("key_impl", ""),
                    shares=item.get("shares", -1),
                    sent=item.get("sent", "every"),
                )
                for item in items
            )

        return cls(
            kind=value["kind"],
            stream=value["stream"],
            program=value["program"],
            given=tuple(value["given"]),
            scalars=fields(value["scalars"]),
            rows=fields(value["rows"]),
            journal=fields(value.get("journal", [])),
            journal_envs=value.get("journal_envs", ""),
            keyframes=fields(value.get("keyframes", [])),
            watched=tuple(
                Watched(item["name"], tuple(item["shape"]), tuple(item["axes"]))
                for item in value.get("watched", [])
            ),
        )


def layout_digest(text: str) -> int:
    """Return the 31-bit digest of a layout that is written as JSON with sorted keys."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def unflatten(leaves: Sequence[tuple[tuple[PathKey, ...], Any]]) -> Any:
    """Rebuild a tree from (path, leaf) pairs: names become dicts, positions become tuples."""
    if not leaves:
        return {}
    if len(leaves) == 1 and leaves[0][0] == ():
        return leaves[0][1]
    children: dict[PathKey, list[tuple[tuple[PathKey, ...], Any]]] = {}
    for path, leaf in leaves:
        children.setdefault(path[0], []).append((path[1:], leaf))
    tree = {key: unflatten(below) for key, below in children.items()}
    if all(isinstance(key, int) for key in tree):
        return tuple(tree[key] for key in sorted(tree, key=int))
    return tree
