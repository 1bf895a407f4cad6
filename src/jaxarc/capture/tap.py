"""The batched tap: one host call whatever the batch.

A ``custom_vmap`` function around one unordered ``jax.debug.callback``. Its rule binds the same function one
level deeper, so that vmapping adds an axis to the operands and never a call. The innermost vmapped axis of a
Step without a leading axis is the environment axis; every other one is a member axis.

Survives jit, vmap, nested vmap, scan, while_loop, fori_loop, grad and remat. Under shard_map and pmap each
device calls once; ``axis_name=`` tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax, tree_util
from jax.custom_batching import custom_vmap
from jaxtyping import Array, ArrayLike, Int32

from jaxarc.capture.numbers import WholeNumber
from jaxarc.capture.packing import Packed, Rows, Some
from jaxarc.capture.sharding import replicated, taken
from jaxarc.capture.slots import SLOTS, receive
from jaxarc.capture.spec import CaptureSpec, select_envs
from jaxarc.errors import CaptureError
from jaxarc.records.chunk import Header
from jaxarc.records.layout import FLAG_ACTIVE, Layout

__all__ = ["Operands", "TapPlan", "check_devices", "emit", "lane_words", "send"]


class Operands(NamedTuple):
    """What one tap sends, before it is joined into the three operands of the callback.

    With a leading axis the environment axis stands behind the steps (``env_major`` is False); without one it
    is added in front by the first vmap. Member axes come before everything.
    """

    packed: Packed
    lanes: Int32[Array, "*members lanes lane_words"]


@dataclass(frozen=True)
class TapPlan:
    """What is known of a tap while it is traced.

    Attributes:
        spec: what the recorder asked for.
        layout: what the numbers mean.
        num_steps: K.
        num_envs: E, or None until the environment axis is known.
        env_major: the environment axis came from vmap and stands before the steps.
        members: lengths of the member axes so far, outermost first.
        is_sized: the plan only says how large a chunk is; its one environment counts as selected.
    """

    spec: CaptureSpec
    layout: Layout
    num_steps: int
    num_envs: int | None
    env_major: bool = False
    members: tuple[int, ...] = ()
    is_sized: bool = False

    def header(self, num_lanes: int) -> Header:
        """Return the header of everything that there is; what is sent compacted says so."""
        num_envs = 1 if self.num_envs is None else self.num_envs
        if self.num_envs is None:
            # This is also how a program looks before vmap adds its environments: no id is wrong yet.
            is_selected = isinstance(self.spec.envs, int) or 0 in self.spec.envs or self.is_sized
            env_ids = (0,) if is_selected else ()
        else:
            env_ids = select_envs(self.spec.envs, num_envs)
        journalled = num_envs if self.layout.journal_envs == "all" else len(env_ids)
        header = Header(
            slot=self.spec.slot,
            layout_id=self.layout.id,
            num_steps=self.num_steps,
            num_envs=num_envs,
            num_selected=len(env_ids),
            num_journalled=journalled if self.layout.journal_envs else 0,
            env_major=self.env_major or self.num_envs is None,
            num_lanes=num_lanes,
            room=0,
            keyframe_room=0,
            members=self.members,
            env_ids=env_ids,
        )
        return replace(header, room=header.num_rows, keyframe_room=header.num_journal_rows)

    def compact_header(self, num_lanes: int) -> Header:
        """Return the header of a chunk in which what crosses for some steps takes the room of few.

        That room is for one step in eight, of keyframes for one in four and for the planned ones besides; a
        chunk that is too small to gain by it keeps the room of all.
        """
        header = self.header(num_lanes)
        room = header.room
        if self.layout.units:
            lanes = header.num_members * header.num_selected
            room = self.num_steps * lanes // 8 + 2 * lanes
        states = header.keyframe_room
        if self.layout.keyframes:
            lanes = header.num_members * header.num_journalled
            planned = lanes * (self.num_steps // self.spec.keyframe_steps)
            # States are large, and whole chunks of them are to be rare: room for one step in four.
            states = self.num_steps * lanes // 4 + 2 * lanes + planned
        return replace(
            header,
            room=room if 2 * room <= header.room else header.room,
            keyframe_room=states if states < header.keyframe_room else header.keyframe_room,
        )


def lane_words(
    *,
    update: WholeNumber | None,
    continues: ArrayLike,
    chunk: ArrayLike,
    axis_name: str | tuple[str, ...] | None,
    before: ArrayLike = 0,
) -> Int32[Array, " lane_words"]:
    """Return the words that hold for all steps of a chunk, as ``records.chunk`` lays them out.

    ``before`` is any word out of the chunk before. XLA runs callbacks that do not depend on each other in any
    order; a chunk that carries a word of the one before it waits for it.
    """
    device = jnp.int32(0) if axis_name is None else lax.axis_index(axis_name)
    if jnp.ndim(continues):
        raise CaptureError(
            f"continues= has shape {list(jnp.shape(continues))}, it is one value for the whole call; "
            "under vmap give each member its own"
        )
    low, high = (0, 0) if update is None else update
    words = (update is not None, low, high, continues, chunk, device, before)
    whole = [jnp.asarray(word).astype(jnp.int32) for word in words]
    alike = 0 * sum(whole)  # words that vary over an explicit mesh cannot be stacked with words that do not
    return jnp.stack([word + alike for word in whole])


def check_devices(array: Array, axis_name: str | tuple[str, ...] | None) -> None:
    """Refuse rows of a mapped device axis that nobody named: they would all read as those of device 0.

    Raises:
        CaptureError: ``array`` varies over a shard_map axis and ``axis_name`` is None. Under pmap, and with
            ``check_vma=False``, a program cannot tell.
    """
    kind = jax.typeof(array)
    manual = getattr(kind, "manual_axis_type", None)  # newer JAX; before 0.10 the type itself has ``vma``
    axes = getattr(kind, "vma", frozenset()) if manual is None else manual.varying
    varying = sorted(str(name) for name in axes)
    if varying and axis_name is None:
        named = repr(varying[0]) if len(varying) == 1 else repr(tuple(varying))
        raise CaptureError(
            f"inside shard_map over {', '.join(varying)} rows cannot know their device; "
            f"give axis_name={named}"
        )


def send(plan: TapPlan, operands: Operands) -> None:
    """Send one chunk to the host; under any number of vmaps this stays one callback.

    Args:
        plan: what is known while tracing.
        operands: the arrays; with ``plan.num_envs`` None they have no environment axis yet.
    """
    SLOTS.intern(plan.layout)
    _tap(plan)(tree_util.tree_map(lax.stop_gradient, operands))


def _tap(plan: TapPlan) -> Any:
    @custom_vmap
    def tap(operands: Operands) -> tuple[()]:
        emit(plan, operands)
        return ()

    @tap.def_vmap
    def rule(axis_size: int, in_batched: list[Operands], operands: Operands) -> tuple[Any, Any]:
        def spread(operand: Array, batched: bool) -> Array:
            return operand if batched else jnp.broadcast_to(operand, (axis_size, *operand.shape))

        operands = tree_util.tree_map(spread, operands, in_batched[0])
        if plan.num_envs is None:
            deeper = replace(plan, num_envs=axis_size, env_major=True)
            operands = operands._replace(packed=_selected(plan, axis_size, operands.packed))
        else:
            deeper = replace(plan, members=(axis_size, *plan.members))
        return _tap(deeper)(operands), ()

    return tap


def _selected(plan: TapPlan, num_envs: int, packed: Packed) -> Packed:
    """Take the environments whose rows cross, now that there is an axis of them in front."""
    env_ids = select_envs(plan.spec.envs, num_envs)
    if len(env_ids) == num_envs:
        return packed
    take = partial(tree_util.tree_map, lambda array: taken(array, env_ids, axis=0))
    everybody = plan.layout.journal_envs == "all"
    return Packed(
        packed.scalars,
        take(packed.rows),
        packed.journal if everybody else take(packed.journal),
        packed.keyframes if everybody else take(packed.keyframes),
    )


def emit(plan: TapPlan, operands: Operands) -> None:
    """Call the host: what every tap comes to, once there is nothing left to be vmapped."""
    packed, lanes = replicated(operands)
    lanes = lanes.reshape(prod(plan.members), -1, lanes.shape[-1])
    header = plan.header(lanes.shape[1])
    rows = None if packed.rows is None or not header.num_selected else _flat(packed.rows, header.num_rows)
    journal = keyframes = None
    if header.num_journalled:
        journal = None if packed.journal is None else _flat(packed.journal, header.num_journal_rows)
        if packed.keyframes is not None:
            keyframes = _flat(packed.keyframes, header.num_journal_rows)
    scalars = packed.scalars.reshape(-1)

    def call(rows: Rows | None, presence: Array | None, keyframes: Some | None) -> None:
        words, octets = [scalars], []
        if rows is not None:
            words += [rows.words, *([] if presence is None else [presence])]
            words += [unit.words for unit in rows.units]
            octets += [rows.octets, *(unit.octets for unit in rows.units)]
        if journal is not None:
            words.append(journal.words)
            octets.append(journal.octets)
        if keyframes is not None:
            words.append(keyframes.words)
            octets += [keyframes.present.astype(jnp.int8), keyframes.octets]
        jax.debug.callback(receive, _strung(octets, jnp.int8), _strung(words, jnp.int32), head)

    def everything() -> None:
        call(rows, None, keyframes)

    small = plan.compact_header(lanes.shape[1])
    compact = _compacted(header, small, rows, keyframes)
    head = jnp.concatenate([_head(header, small, None if compact is None else compact[0]), lanes.reshape(-1)])

    def send_it() -> None:
        if compact is None:
            everything()
        else:
            fits, less = compact
            lax.cond(fits, lambda: call(*less), everything)

    if plan.layout.has("active"):
        active = jnp.any((packed.scalars[..., 0] & FLAG_ACTIVE) != 0)
        ends_open_episodes = jnp.any(lanes[..., 3] == 0)
        lax.cond(active | ends_open_episodes, send_it, lambda: None)
    else:
        send_it()


def _flat(tree: Any, num_rows: int) -> Any:
    """Return arrays [rows …], whatever the axes in front."""
    kinds = (Some, Rows)

    def flat(value: Any) -> Any:
        if isinstance(value, Some):
            parts = (array.reshape(num_rows, array.shape[-1]) for array in value[1:])
            return Some(value.present.reshape(num_rows), *parts)
        return value.reshape(num_rows, value.shape[-1])

    if isinstance(tree, Rows):
        return Rows(flat(tree.words), flat(tree.octets), tuple(flat(unit) for unit in tree.units))
    assert isinstance(tree, kinds)
    return flat(tree)


def _strung(parts: list[Array], dtype: Any) -> Array:
    parts = [part.reshape(-1) for part in parts if part.size]
    return jnp.concatenate(parts) if parts else jnp.zeros(0, dtype)


def _compacted(
    whole: Header, header: Header, rows: Rows | None, keyframes: Some | None
) -> tuple[Array, tuple[Rows | None, Array | None, Some | None]] | None:
    """Gather what crosses for some steps only into the room that is kept for it.

    Args:
        whole: the header of everything.
        header: the header that says how much room there is.
        rows, keyframes: everything.

    Returns:
        Whether everything fits, and what to send then; None where there is nothing to be gained.
    """
    fits = []
    presence = None
    if rows is not None and rows.units and header.room < whole.room:
        present = jnp.stack([unit.present for unit in rows.units])
        where, fit = _positions(present, header.room)
        fits.append(fit)
        units = tuple(
            Some(unit.present, _at(unit.words, at), _at(unit.octets, at))
            for unit, at in zip(rows.units, where, strict=True)
        )
        bits = jnp.left_shift(1, jnp.arange(len(units), dtype=jnp.int32))
        presence = jnp.sum(present.astype(jnp.int32) * bits[:, None], axis=0, dtype=jnp.int32)
        rows = rows._replace(units=units)
    if keyframes is not None and header.keyframe_room < whole.keyframe_room:
        (at,), fit = _positions(keyframes.present[None], header.keyframe_room)
        fits.append(fit)
        keyframes = Some(keyframes.present, _at(keyframes.words, at), _at(keyframes.octets, at))
    if not fits:
        return None
    return jnp.all(jnp.stack(fits)), (rows, presence, keyframes)


def _head(whole: Header, compact: Header, fits: Array | None) -> Int32[Array, " words"]:
    """Return the static words of the header that holds.

    They are literals and no array: JAX asserts against constants of a custom_vmap function that stands in a
    cond with a batched predicate.
    """
    ids = whole.env_ids
    spread = ids == select_envs(len(ids), whole.num_envs)
    num_literals = len(whole.static_words()) - (len(ids) if whole.num_selected < whole.num_envs else 0)
    literals = zip(whole.static_words().tolist(), compact.static_words().tolist(), strict=True)
    words = [
        jnp.int32(word) if word == less or fits is None else jnp.where(fits, jnp.int32(less), jnp.int32(word))
        for word, less in literals
    ]
    if spread and len(words) > num_literals:
        count = jnp.arange(len(ids), dtype=jnp.int32)
        return jnp.concatenate([jnp.stack(words[:num_literals]), count * whole.num_envs // len(ids)])
    return jnp.stack(words)


def _positions(present: Array, room: int) -> tuple[Array, Array]:
    """Return where the first ``room`` present rows are, int32[units room], and whether these are all."""
    count = jnp.cumsum(present, axis=1, dtype=jnp.int32)
    wanted = jnp.arange(1, room + 1, dtype=jnp.int32)
    return jax.vmap(lambda c: jnp.searchsorted(c, wanted))(count), jnp.all(count[:, -1] <= room)


def _at(array: Array, index: Array) -> Array:
    return array.at[index].get(mode="clip")
