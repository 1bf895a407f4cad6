"""From the arrays of Steps to the numbers of a chunk. ``records.layout`` decodes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int8, Int32

from jaxarc.capture.flatten import FlatStep
from jaxarc.capture.hashing import leaf_hash
from jaxarc.capture.sharding import taken
from jaxarc.records.layout import (
    FLAG_ACTIVE,
    FLAG_MARK,
    FLAG_START,
    FLAG_SUCCESS,
    FLAG_TERMINATED,
    FLAG_TRUNCATED,
    Field,
    Layout,
)

__all__ = ["Packed", "RawStep", "Rows", "Some", "pack_scalars", "pack_steps", "select_rows"]

_FLAGS = {
    "terminated": FLAG_TERMINATED,
    "truncated": FLAG_TRUNCATED,
    "active": FLAG_ACTIVE,
    "start": FLAG_START,
    "mark": FLAG_MARK,
    "success": FLAG_SUCCESS,
}


class RawStep(NamedTuple):
    """What crosses of one step, or of stacked ones, before it is packed.

    Attributes:
        scalars: int32[*lead scalar_words], packed: each array that is stacked costs part of a microsecond a
            step, however small it is.
        rows: one for every field of ``layout.rows`` that shares no other's, of the selected environments.
        journal: one for every field of ``layout.journal``, of the journalled environments.
        keyframes: one for every field of ``layout.keyframes``, of the journalled environments.
    """

    scalars: Array
    rows: list[Array]
    journal: list[Array]
    keyframes: list[Array]


class Some(NamedTuple):
    """Numbers that cross for some steps only; ``lead`` axes are those of the rows."""

    present: Bool[Array, "*lead"]
    words: Int32[Array, "*lead words"]
    octets: Int8[Array, "*lead octets"]


class Rows(NamedTuple):
    """Numbers that cross for every step of some environments, and what crosses for some steps of theirs."""

    words: Int32[Array, "*lead words"]
    octets: Int8[Array, "*lead octets"]
    units: tuple[Some, ...]


class Packed(NamedTuple):
    """The numbers of a chunk; axes [steps, envs], or [steps] without a leading axis in its Steps.

    Attributes:
        scalars: int32[*lead scalar_words] of every environment.
        rows: of the selected environments.
        journal: of the journalled ones; no units.
        keyframes: states of the journalled ones, or None.
    """

    scalars: Int32[Array, "*lead scalar_words"]
    rows: Rows | None
    journal: Rows | None
    keyframes: Some | None


def _encode(field: Field, array: Array, lead: int, *, widen: bool) -> Array:
    """Return int32[..., words] or int8[..., octets] for one leaf; ``widen`` makes one-byte types words."""
    flat = array.reshape(*array.shape[:lead], -1)
    codec = field.codec
    if codec in ("bits", "octets", "narrow") and widen:
        if jnp.issubdtype(flat.dtype, jnp.floating):
            flat = lax.bitcast_convert_type(flat, jnp.int8)
        return flat.astype(jnp.int32)
    if codec == "bits":
        return _bits(flat)
    if codec == "narrow":
        return flat.astype(jnp.int8)
    if codec == "octets":
        return lax.bitcast_convert_type(flat, jnp.int8)
    if codec == "half":
        if jnp.issubdtype(flat.dtype, jnp.integer):
            return flat.astype(jnp.int32)
        return lax.bitcast_convert_type(flat, jnp.uint16).astype(jnp.int32)
    if jnp.issubdtype(flat.dtype, jnp.complexfloating):
        flat = jnp.stack([flat.real, flat.imag], axis=-1).reshape(*flat.shape[:-1], -1)
    words = lax.bitcast_convert_type(flat, jnp.int32)
    return words.reshape(*flat.shape[:lead], -1)


def _bits(flags: Array) -> Array:
    """Return int8[..., octets], eight flags an octet, the first in the highest bit, as ``jnp.packbits`` does.

    XLA's CPU compiler does eight strided reads in half the time of the sum that ``packbits`` makes.
    """
    octets = jnp.pad(flags, [(0, 0)] * (flags.ndim - 1) + [(0, -flags.shape[-1] % 8)]).astype(jnp.uint8)
    packed = octets[..., 0::8] << 7
    for bit in range(1, 8):
        packed = packed | (octets[..., bit::8] << (7 - bit))
    return lax.bitcast_convert_type(packed, jnp.int8)


def pack_scalars(
    fields: Sequence[Field], arrays: Sequence[Array], first: Sequence[Array], lead: int
) -> Array:
    """Return int32[..., words]: the words in ``first``, then every field, one-byte types widened."""
    return jnp.concatenate(
        [*first, *(_encode(f, a, lead, widen=True) for f, a in zip(fields, arrays, strict=True))], axis=-1
    )


def select_rows(flat: FlatStep, env_ids: tuple[int, ...], env_axis: int = 0) -> RawStep:
    """Return the arrays of one step that are to cross, as they are: stacking comes before packing.

    Args:
        flat: the Step, taken apart.
        env_ids: the selected environments; ignored without a leading axis, where the selection happens
            when the environment axis is known.
        env_axis: where the environment axis is.
    """

    lead = env_axis + (flat.num_envs is not None)
    some = flat.num_envs is not None and len(env_ids) < flat.num_envs

    def crossing(fields: Sequence[Field], arrays: Sequence[Array], *, chosen: bool) -> list[Array]:
        rows = []
        for field, array in zip(fields, arrays, strict=True):
            if chosen and some:
                array = taken(array, env_ids, axis=env_axis)
            rows.append(leaf_hash(array, lead) if field.role == "state_hash" else array)
        return rows

    layout = flat.layout
    own = [field for field in layout.rows if field.shares < 0]
    journalled = layout.journal_envs == "selected"
    return RawStep(
        scalars=_packed_scalars(flat, lead),
        rows=crossing(own, flat.rows, chosen=True),
        journal=crossing(layout.journal, flat.journal, chosen=journalled),
        keyframes=crossing(layout.keyframes, flat.keyframes, chosen=journalled),
    )


def _packed_scalars(flat: FlatStep, lead: int) -> Array:
    """Return the word of flags and every scalar, int32[*lead scalar_words]."""
    shape = flat.scalars[0].shape[:lead]
    word = jnp.zeros(shape, jnp.int32) if "active" in flat.flags else jnp.full(shape, FLAG_ACTIVE, jnp.int32)
    for name, value in flat.flags.items():
        word = word | value.astype(jnp.int32) * _FLAGS[name]
    return pack_scalars(flat.layout.scalars, flat.scalars, [word[..., None]], lead)


def pack_steps(
    layout: Layout, raw: RawStep, lead: int, env_ids: tuple[int, ...], keyframe: Array | None
) -> Packed:
    """Pack a chunk: scalars of every environment, rows of the selected ones.

    Rows are packed once a chunk: that costs a few large operations, where step by step costs many small ones.

    Args:
        layout: what the arrays mean.
        raw: stacked steps.
        lead: their leading axes: 1 for [steps], 2 for [steps num_envs].
        env_ids: the selected environments; ignored for ``lead`` 1.
        keyframe: bool[steps], the steps whose states cross in any case.
    """
    scalars = raw.scalars
    shape, word = scalars.shape[:lead], scalars[..., 0]
    starts = _may_start(word)
    selected = starts
    if lead == 2 and len(env_ids) < shape[1]:
        selected = taken(starts, env_ids, axis=1)
    rows = journal = keyframes = None
    if layout.rows:
        rows = _pack_rows(layout, raw.rows, lead, selected)
    if layout.journal:
        words, octets = _joined(layout.journal, raw.journal, lead)
        journal = Rows(words, octets, ())
    if layout.keyframes and keyframe is not None:
        wanted = _may_start(word, known=True) if layout.has("start") else starts
        if layout.journal_envs != "all" and lead == 2 and len(env_ids) < shape[1]:
            wanted = taken(wanted, env_ids, axis=1)
        wanted = wanted | keyframe.reshape(-1, *[1] * (lead - 1))
        keyframes = Some(wanted, *_joined(layout.keyframes, raw.keyframes, lead))
    return Packed(scalars, rows, journal, keyframes)


def _may_start(flags: Array, *, known: bool = False) -> Array:
    """Say for each row whether an episode may begin there, or goes on from rows that are not recorded.

    Args:
        flags: the words of flags [steps …].
        known: ``Step.start`` says it for the first of them.
    """
    ended = (flags & (FLAG_TERMINATED | FLAG_TRUNCATED)) != 0
    silent = (flags & FLAG_ACTIVE) == 0
    first = jnp.full_like(ended[:1], not known)
    before = jnp.concatenate([first, (ended | silent)[:-1]])
    return before | ((flags & FLAG_START) != 0)


def _joined(fields: Sequence[Field], arrays: Sequence[Array], lead: int) -> tuple[Array, Array]:
    """Return the words and the octets of some fields."""
    shape = arrays[0].shape[:lead]
    words: list[Array] = []
    octets: list[Array] = []
    for field, array in zip(fields, arrays, strict=True):
        target = words if field.codec in ("words", "half") else octets
        target.append(_encode(field, array, lead, widen=False))
    return _concatenated(words, shape, jnp.int32), _concatenated(octets, shape, jnp.int8)


def _concatenated(parts: Sequence[Array], shape: tuple[int, ...], dtype: Any) -> Array:
    return jnp.concatenate(parts, axis=-1) if parts else jnp.zeros((*shape, 0), dtype)


def _pack_rows(layout: Layout, arrays: Sequence[Array], lead: int, starts: Array) -> Rows:
    own = [position for position, field in enumerate(layout.rows) if field.shares < 0]
    array_of = dict(zip(own, arrays, strict=True))

    def joined(positions: Sequence[int]) -> tuple[Array, Array]:
        return _joined([layout.rows[i] for i in positions], [array_of[i] for i in positions], lead)

    seen = [i for i in own if layout.rows[i].role == "observation"]
    units = []
    for unit in layout.units:
        words, octets = joined(unit.fields)
        if unit.sent == "starts":
            present = starts
        elif unit.sent == "unchained":
            observed = joined(seen)
            apart = _differ(words[:-1], observed[0][1:]) | _differ(octets[:-1], observed[1][1:])
            present = jnp.concatenate([apart, jnp.ones_like(starts[:1])])
        else:
            moved = _differ(words[1:], words[:-1]) | _differ(octets[1:], octets[:-1])
            present = jnp.concatenate([jnp.ones_like(starts[:1]), moved])
        units.append(Some(present, words, octets))
    always = [i for i in own if layout.rows[i].sent == "every"]
    if not always:
        shape = arrays[0].shape[:lead]
        return Rows(jnp.zeros((*shape, 0), jnp.int32), jnp.zeros((*shape, 0), jnp.int8), tuple(units))
    return Rows(*joined(always), tuple(units))


def _differ(a: Array, b: Array) -> Array:
    """Say for each row whether its numbers differ: bool[*lead].

    Octets are compared four at a time, which XLA's CPU compiler does three times as fast.
    """
    if a.dtype == jnp.int8 and a.shape[-1]:
        num_words = -(-a.shape[-1] // 4)
        padding = [(0, 0)] * (a.ndim - 1) + [(0, 4 * num_words - a.shape[-1])]
        a, b = (
            lax.bitcast_convert_type(jnp.pad(x, padding).reshape(*x.shape[:-1], num_words, 4), jnp.int32)
            for x in (a, b)
        )
    return (a != b).any(axis=-1)
