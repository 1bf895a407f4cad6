"""Taking a Step apart: which arrays cross, what they are called, and what cannot be taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, tree_util
from jaxtyping import Array

from jaxarc.capture.spec import CaptureSpec, select_envs
from jaxarc.capture.step import Step
from jaxarc.errors import CaptureError
from jaxarc.records.crossing import arranged
from jaxarc.records.layout import Field, Layout, PathKey
from jaxarc.records.table import label_name_column, shares_a_column

__all__ = ["FlatStep", "as_numpy", "flatten_step", "leaf_field", "path_key", "path_text", "refuse_non_arrays"]

_ROW_ROLES = ("observation", "next_observation", "action", "info", "key", "state", "episode")
_FLAGS = ("terminated", "truncated", "active", "start", "mark", "success")
_OPTIONAL = ("truncated", "next_observation", "start", "success", "mark", "active")


class FlatStep(NamedTuple):
    """A Step taken apart.

    Attributes:
        layout: what the arrays mean.
        num_envs: length of the environment axis, or None without one.
        flags: the boolean attributes that were given, by name.
        scalars: one array for every field of ``layout.scalars``.
        rows: one for every field of ``layout.rows`` that shares no other's; for a ``state_hash`` the leaf
            that is to be hashed, once it is known of which environments.
        journal: one array for every field of ``layout.journal``, likewise.
        keyframes: one array for every field of ``layout.keyframes``.
    """

    layout: Layout
    num_envs: int | None
    flags: dict[str, Array]
    scalars: list[Array]
    rows: list[Array]
    journal: list[Array]
    keyframes: list[Array]


class _Leaf(NamedTuple):
    """A leaf of a Step: what it is called, its numbers, and the array that the program gave."""

    field: Field
    array: Array
    given: Any


def path_key(key: Any) -> PathKey:
    """Return one step of a path in a tree: a name, or a position."""
    if isinstance(key, tree_util.SequenceKey):
        return key.idx
    if isinstance(key, tree_util.GetAttrKey):
        return key.name
    if isinstance(key, tree_util.FlattenedIndexKey):
        return int(key.key)
    return str(key.key)


def path_text(key_path: Sequence[Any]) -> str:
    """Return a leaf's path as a user would write it behind the tree's name (``dense.kernel``, ``[0].x``)."""
    keys = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in map(path_key, key_path))
    return keys.removeprefix(".")


def as_numpy(value: Any) -> tuple[np.ndarray, str]:
    """Return an array as a NumPy one, typed PRNG keys as their words; and the keys' implementation, or "".

    Calls no JAX for anything that is no JAX array.
    """
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        return np.asarray(jax.random.key_data(value)), str(jax.random.key_impl(value))
    return np.asarray(value), ""


def leaf_field(role: str, path: tuple[PathKey, ...], leaf: Any, lead: int) -> tuple[Field, Array]:
    """Return the field that describes ``leaf`` and the leaf as a plain array (typed keys as their words).

    Args:
        role: the Step attribute that the leaf belongs to.
        path: its path below the attribute.
        leaf: any array or number; its first ``lead`` axes are not part of the field's shape.
        lead: leading axes of the Step.
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
            f"step.{where} has shape {list(array.shape)}, but step.reward has "
            f"{'the leading axis [num_envs]' if lead == 1 else 'the leading axes [time, num_envs]'}; "
            "give every leaf the same"
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
            keys = "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in map(path_key, key_path))
            raise CaptureError(
                f"{where}{keys} is a {type(leaf).__name__}, which is no array; record numbers and arrays only"
            )


def _leaves(role: str, value: Any, lead: int) -> list[_Leaf]:
    leaves = []
    for key_path, leaf in tree_util.tree_flatten_with_path(value)[0]:
        field, array = leaf_field(role, tuple(path_key(key) for key in key_path), leaf, lead)
        leaves.append(_Leaf(field, array, leaf))
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
        if role == "labels" and shares_a_column(str(name), value):
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


def _check_real(field: Field, array: Array) -> None:
    if array.dtype.kind == "c" or field.key_impl:
        kind = "a PRNG key" if field.key_impl else field.dtype
        raise CaptureError(f"step.{field.name} is {kind}, scalars are real numbers; put it into step.info")


def flatten_step(step: Step, spec: CaptureSpec, time_axes: int = 0) -> FlatStep:
    """Take a Step apart and check it.

    Args:
        step: a Step, with or without a leading axis.
        spec: what is to cross.
        time_axes: 1 when a time axis stands before everything else, else 0.

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
    lead = len(shape)
    if not time_axes <= lead <= time_axes + 1:
        raise CaptureError(
            f"step.reward has shape {list(shape)}; it is a scalar, or has the one axis [num_envs]"
            + (", behind the axis of time" if time_axes else "")
        )
    if shape[time_axes:] == (0,):
        raise CaptureError(f"step.reward has shape {list(shape)}: there are no environments to record")
    num_envs = shape[time_axes] if lead > time_axes else None
    reward = leaf_field("reward", (), step.reward, lead)
    _check_real(*reward)
    scalars = [reward, *_scalars("metrics", step.metrics, lead), *_scalars("labels", step.labels, lead)]
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
    rows: list[_Leaf] = []
    if spec.program != "scalars":
        for role in _ROW_ROLES:
            if role != "state" or spec.program == "states":
                rows += _leaves(role, getattr(step, role), lead)
        if step.next_observation is not None:
            _check_next_observation(rows)
    journal, keyframes, everybody = _journal(step, spec, lead, num_envs, rows)
    for field, array in [*scalars, *flag_leaves, *((leaf.field, leaf.array) for leaf in (*rows, *journal))]:
        if array.shape[:lead] != shape:
            raise CaptureError(
                f"step.{field.name} has shape {list(array.shape)}, step.reward has {list(shape)}; "
                f"every leaf needs the leading axes of the reward"
            )
    rows = _arranged(rows)
    layout = Layout(
        kind="steps",
        stream=spec.stream,
        program=spec.program,
        given=tuple(name for name in _OPTIONAL if getattr(step, name) is not None),
        scalars=tuple(field for field, _ in scalars),
        rows=tuple(leaf.field for leaf in rows),
        journal=tuple(leaf.field for leaf in journal),
        journal_envs="" if spec.journal == "off" else "all" if everybody else "selected",
        keyframes=tuple(leaf.field for leaf in keyframes),
    )
    return FlatStep(
        layout,
        num_envs,
        flags,
        [array for _, array in scalars],
        [leaf.array for leaf in rows if leaf.field.shares < 0],
        [leaf.array for leaf in journal],
        [leaf.array for leaf in keyframes],
    )


def _journal(
    step: Step, spec: CaptureSpec, lead: int, num_envs: int | None, rows: list[_Leaf]
) -> tuple[list[_Leaf], list[_Leaf], bool]:
    """Return the journal's leaves, its keyframes, and whether they are those of every environment.

    Hashes of the selected environments' states join ``rows``, which hold their actions and keys already.
    """
    if spec.journal == "off":
        return [], [], False
    for name in ("action", "state"):
        if getattr(step, name) is None:
            raise CaptureError(
                f"step.{name} is missing, and capture.journal={spec.journal} records what an episode needs "
                f"to be simulated again: give Step({name}=…), or set "
                f"capture.streams.{spec.stream}.journal=off"
            )
    states = _leaves("state", step.state, lead)
    hashes = []
    for leaf in states:
        hashes.append(_Leaf(Field("state_hash", leaf.field.path, "uint32", ()), leaf.array, None))
    everybody = spec.journal == "all"
    if everybody and num_envs is not None and len(select_envs(spec.envs, num_envs)) == num_envs:
        everybody = False
    journal = []
    if everybody or not rows:
        journal = [*_leaves("action", step.action, lead), *_leaves("key", step.key, lead), *hashes]
    if rows:
        rows += hashes
    # At full the states of the selected environments cross anyway.
    keyframes = [] if spec.program == "states" and not everybody else states
    return journal, keyframes, everybody


def _arranged(rows: list[_Leaf]) -> list[_Leaf]:
    """Say how each leaf crosses, and put first what does at every step, last what crosses with another."""
    owners: dict[int, _Leaf] = {}
    own: list[_Leaf] = []
    doubles: list[tuple[_Leaf, _Leaf]] = []
    for leaf in rows:
        owner = owners.get(id(leaf.given)) if isinstance(leaf.given, jax.Array) else None
        if owner is not None and leaf.field.role not in ("observation", "next_observation"):
            doubles.append((leaf, owner))
        else:
            owners.setdefault(id(leaf.given), leaf)
            own.append(leaf)
    order = arranged([leaf.field for leaf in own])
    place = {id(own[position].field): i for i, (position, _) in enumerate(order)}
    return [
        *(own[position]._replace(field=field) for position, field in order),
        *(leaf._replace(field=replace(leaf.field, shares=place[id(owner.field)])) for leaf, owner in doubles),
    ]


def _check_next_observation(rows: Sequence[_Leaf]) -> None:
    def shapes(role: str) -> dict[tuple[PathKey, ...], tuple[str, tuple[int, ...]]]:
        fields = [leaf.field for leaf in rows if leaf.field.role == role]
        return {field.path: (field.dtype, field.shape) for field in fields}

    before, after = shapes("observation"), shapes("next_observation")
    if after != before:
        path = next(path for path in {**before, **after} if before.get(path) != after.get(path))
        name = Field("next_observation", path, "", ()).name
        raise CaptureError(
            f"step.{name} is {after.get(path, 'absent')}, "
            f"the observation there is {before.get(path, 'absent')}; both need the "
            f"same structure, dtypes and shapes"
        )
