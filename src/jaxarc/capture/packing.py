"""From a Step to numbers: flatten, describe, encode. ``records.layout`` decodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, tree_util
from jaxtyping import Array, Int8, Int32

from jaxarc.capture.step import Step
from jaxarc.errors import CaptureError
from jaxarc.records.layout import (
    FLAG_ACTIVE,
    FLAG_MARK,
    FLAG_START,
    FLAG_SUCCESS,
    FLAG_TERMINATED,
    FLAG_TRUNCATED,
    Field,
    Layout,
    PathKey,
)
from jaxarc.records.table import RESERVED_COLUMNS, label_name_column

__all__ = [
    "FlatStep",
    "Packed",
    "RawStep",
    "flatten_step",
    "leaf_field",
    "pack_scalars",
    "pack_steps",
    "select_rows",
    "refuse_non_arrays",
]

_ROW_ROLES = ("observation", "next_observation", "action", "info", "key", "state", "episode")
_METRIC_PARTS = ("_first", "_last", "_min", "_max")
_FLAGS = {
    "terminated": FLAG_TERMINATED,
    "truncated": FLAG_TRUNCATED,
    "active": FLAG_ACTIVE,
    "start": FLAG_START,
    "mark": FLAG_MARK,
    "success": FLAG_SUCCESS,
}
_OPTIONAL = ("truncated", "next_observation", "start", "success", "mark", "active")


class FlatStep(NamedTuple):
    """A Step taken apart.

    Attributes:
        layout: what the arrays mean.
        num_envs: length of the leading axis, or None without one.
        flags: the boolean attributes that were given, by name.
        scalars: one array for every field of ``layout.scalars``.
        rows: one array for every field of ``layout.rows``.
    """

    layout: Layout
    num_envs: int | None
    flags: dict[str, Array]
    scalars: list[Array]
    rows: list[Array]


class RawStep(NamedTuple):
    """What crosses of one step, or of stacked ones, before it is packed.

    Attributes:
        flags: the boolean attributes that were given, by name.
        scalars: one array for every field of ``layout.scalars``.
        rows: one array for every field of ``layout.rows``, of the selected environments.
    """

    flags: dict[str, Array]
    scalars: list[Array]
    rows: list[Array]


class Packed(NamedTuple):
    """The numbers of a chunk; without a leading axis in its Steps the environment axes are absent."""

    scalars: Int32[Array, "steps *num_envs scalar_words"]
    words: Int32[Array, "steps *selected words"]
    octets: Int8[Array, "steps *selected octets"]


def _path_key(key: Any) -> PathKey:
    if isinstance(key, tree_util.SequenceKey):
        return key.idx
    if isinstance(key, tree_util.GetAttrKey):
        return key.name
    if isinstance(key, tree_util.FlattenedIndexKey):
        return int(key.key)
    return str(key.key)


def leaf_field(role: str, path: tuple[PathKey, ...], leaf: Any, lead: int) -> tuple[Field, Array]:
    """Return the field that describes ``leaf`` and the leaf as a plain array (typed keys as their words).

    Args:
        role: the Step attribute that the leaf belongs to.
        path: its path below the attribute.
        leaf: any array or number; its first ``lead`` axes are not part of the field's shape.
        lead: 1 when the leaf has an environment axis, else 0.
    """
    key_impl = ""
    where = Field(role, path, "", ()).name
    try:
        array = leaf if isinstance(leaf, jax.Array) else jnp.asarray(leaf)
    except (TypeError, ValueError) as error:
        raise CaptureError(
            f"step.{where} is a {type(leaf).__name__}, which is no array; record numbers and arrays only"
        ) from error
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        key_impl = str(jax.random.key_impl(array))
        array = jax.random.key_data(array)
    if array.ndim < lead:
        raise CaptureError(
            f"step.{where} is a scalar, but step.reward has a leading axis; "
            "give every leaf the axis [num_envs]"
        )
    array = lax.stop_gradient(array)
    return Field(role, path, array.dtype.name, tuple(array.shape[lead:]), key_impl), array


def refuse_non_arrays(tree: Any, where: str) -> None:
    """Raise for the first leaf that is no array, before a jit does it without saying which.

    Raises:
        CaptureError: with the leaf's path and type.
    """
    for key_path, leaf in tree_util.tree_flatten_with_path(tree)[0]:
        if not isinstance(leaf, jax.Array) and np.asarray(leaf).dtype.kind not in "biufcV":
            keys = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in map(_path_key, key_path))
            raise CaptureError(
                f"{where}{keys} is a {type(leaf).__name__}, which is no array; record numbers and arrays only"
            )


def _leaves(role: str, value: Any, lead: int) -> list[tuple[Field, Array]]:
    leaves = []
    for key_path, leaf in tree_util.tree_flatten_with_path(value)[0]:
        leaves.append(leaf_field(role, tuple(_path_key(key) for key in key_path), leaf, lead))
    return leaves


def _scalars(role: str, value: Any, lead: int) -> list[tuple[Field, Array]]:
    if value is None:
        return []
    if not hasattr(value, "items"):
        raise CaptureError(f"step.{role} is a {type(value).__name__}; give a mapping from names to scalars")
    leaves = []
    for name in sorted(value):
        field, array = leaf_field(role, (str(name),), value[name], lead)
        if field.shape:
            raise CaptureError(
                f"step.{field.name} has shape {list(field.shape)} per environment, {role} are scalars; "
                f"put arrays into info= or episode="
            )
        if role == "labels" and _shares_a_column(str(name), value):
            raise CaptureError(
                f"step.{field.name} or its column {label_name_column(str(name))!r} would share its name "
                "with another column of the episode rows; rename the label"
            )
        if role == "labels" and array.dtype.kind not in "iub":
            raise CaptureError(
                f"step.{field.name} is {field.dtype}, labels are integers; record it in metrics="
            )
        _check_real(field, array)
        leaves.append((field, array))
    return leaves


def _shares_a_column(label: str, labels: Any) -> bool:
    names_column = label_name_column(label)
    return (
        label in RESERVED_COLUMNS
        or label.endswith(_METRIC_PARTS)
        or names_column in labels
        or (names_column in RESERVED_COLUMNS and label != "task")
    )


def _check_real(field: Field, array: Array) -> None:
    if array.dtype.kind == "c" or field.key_impl:
        kind = "a PRNG key" if field.key_impl else field.dtype
        raise CaptureError(f"step.{field.name} is {kind}, scalars are real numbers; put it into step.info")


def flatten_step(step: Step, program: str, stream: str) -> FlatStep:
    """Take a Step apart and check it.

    Args:
        step: a Step, with or without a leading axis.
        program: ``scalars``, ``steps`` or ``states``: what is to cross.
        stream: name of the stream.

    Raises:
        CaptureError: an attribute is missing, or a leaf has the wrong kind or shape; its path is named.
    """
    if not isinstance(step, Step):
        raise CaptureError(
            f"expected a jaxarc.Step, got {type(step).__name__}; the body of recorder.scan returns "
            f"(carry, (step, y))"
        )
    for name in ("reward", "terminated"):
        if getattr(step, name) is None:
            raise CaptureError(f"step.{name} is missing; a Step needs reward and terminated")
    shape = leaf_field("reward", (), step.reward, 0)[0].shape
    if len(shape) > 1:
        raise CaptureError(
            f"step.reward has shape {list(shape)}; it is a scalar, or has the one axis [num_envs]"
        )
    if shape == (0,):
        raise CaptureError("step.reward has shape [0]: there are no environments to record")
    lead = len(shape)
    num_envs = shape[0] if shape else None
    scalars = [leaf_field("reward", (), step.reward, lead)]
    _check_real(*scalars[0])
    scalars += _scalars("metrics", step.metrics, lead)
    scalars += _scalars("labels", step.labels, lead)
    flags = {}
    flag_leaves = []
    for name in _FLAGS:
        value = getattr(step, name)
        if value is not None:
            field, array = leaf_field(name, (), value, lead)
            if field.shape:
                raise CaptureError(
                    f"step.{name} has shape {list(field.shape)} per environment, it is one flag"
                )
            flag_leaves.append((field, array))
            flags[name] = array.astype(bool)
    rows: list[tuple[Field, Array]] = []
    if program != "scalars":
        for role in _ROW_ROLES:
            if role == "state" and program != "states":
                continue
            rows += _leaves(role, getattr(step, role), lead)
    if lead:
        for field, array in [*scalars, *flag_leaves, *rows]:
            if array.shape[0] != num_envs:
                raise CaptureError(
                    f"step.{field.name} has leading axis {array.shape[0]}, step.reward has {num_envs}; "
                    f"every leaf needs the axis [num_envs]"
                )
    if program != "scalars" and step.next_observation is not None:
        _check_next_observation(rows)
    layout = Layout(
        kind="steps",
        stream=stream,
        program=program,
        given=tuple(name for name in _OPTIONAL if getattr(step, name) is not None),
        scalars=tuple(field for field, _ in scalars),
        rows=tuple(field for field, _ in rows),
    )
    return FlatStep(layout, num_envs, flags, [array for _, array in scalars], [array for _, array in rows])


def _check_next_observation(rows: Sequence[tuple[Field, Array]]) -> None:
    def shapes(role: str) -> dict[tuple[PathKey, ...], tuple[str, tuple[int, ...]]]:
        return {field.path: (field.dtype, field.shape) for field, _ in rows if field.role == role}

    before, after = shapes("observation"), shapes("next_observation")
    if after != before:
        path = next(path for path in {**before, **after} if before.get(path) != after.get(path))
        name = Field("next_observation", path, "", ()).name
        raise CaptureError(
            f"step.{name} is {after.get(path, 'absent')}, "
            f"the observation there is {before.get(path, 'absent')}; both need the "
            f"same structure, dtypes and shapes"
        )


def _encode(field: Field, array: Array, lead: int, *, widen: bool) -> Array:
    """Return int32[..., words] or int8[..., octets] for one leaf; ``widen`` makes one-byte types words."""
    flat = array.reshape(*array.shape[:lead], -1)
    codec = field.codec
    if codec in ("bits", "octets", "narrow") and widen:
        if jnp.issubdtype(flat.dtype, jnp.floating):
            flat = lax.bitcast_convert_type(flat, jnp.int8)
        return flat.astype(jnp.int32)
    if codec == "bits":
        return lax.bitcast_convert_type(jnp.packbits(flat, axis=-1), jnp.int8)
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


def _join(parts: Sequence[Array], shape: tuple[int, ...], dtype: Any) -> Array:
    return jnp.concatenate(parts, axis=-1) if parts else jnp.zeros((*shape, 0), dtype)


def pack_scalars(
    fields: Sequence[Field], arrays: Sequence[Array], first: Sequence[Array], lead: int
) -> Array:
    """Return int32[..., words]: the words in ``first``, then every field, one-byte types widened."""
    return jnp.concatenate(
        [*first, *(_encode(f, a, lead, widen=True) for f, a in zip(fields, arrays, strict=True))], axis=-1
    )


def select_rows(flat: FlatStep, env_ids: tuple[int, ...]) -> RawStep:
    """Return the arrays of one step that are to cross, as they are: stacking comes before packing.

    Args:
        flat: the Step, taken apart.
        env_ids: the selected environments; ignored without a leading axis, where the selection happens
            when the environment axis is known.
    """
    rows = flat.rows
    if flat.num_envs is not None and len(env_ids) < flat.num_envs:
        index = jnp.asarray(env_ids, jnp.int32)
        rows = [jnp.take(array, index, axis=0) for array in rows]
    return RawStep(flat.flags, flat.scalars, rows)


def pack_steps(layout: Layout, raw: RawStep, lead: int) -> Packed:
    """Pack a chunk: scalars of every environment, rows of the selected ones.

    Packing a whole chunk costs a few large operations, where packing step by step costs many small ones.

    Args:
        layout: what the arrays mean.
        raw: stacked steps.
        lead: their leading axes: 1 for [steps], 2 for [steps num_envs].
    """
    shape = raw.scalars[0].shape[:lead]
    word = jnp.zeros(shape, jnp.int32) if "active" in raw.flags else jnp.full(shape, FLAG_ACTIVE, jnp.int32)
    for name, value in raw.flags.items():
        word = word | jnp.where(value, jnp.int32(_FLAGS[name]), jnp.int32(0))
    scalars = pack_scalars(layout.scalars, raw.scalars, [word[..., None]], lead)
    selected = raw.rows[0].shape[:lead] if raw.rows else shape
    words, octets = [], []
    for field, array in zip(layout.rows, raw.rows, strict=True):
        target = words if field.codec in ("words", "half") else octets
        target.append(_encode(field, array, lead, widen=False))
    return Packed(scalars, _join(words, selected, jnp.int32), _join(octets, selected, jnp.int8))
