"""What a compiled program knows of a recorder, and the four ways of recording in it."""

from __future__ import annotations

import functools
import operator
import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeVar

import jax
from jax import tree_util
from jax.core import Tracer
from jaxtyping import ArrayLike, PyTree

from jaxarc.capture.chunks import CapturePlan
from jaxarc.capture.flatten import refuse_non_arrays
from jaxarc.capture.numbers import WholeNumber, fits_program, whole_number
from jaxarc.capture.scalars import log
from jaxarc.capture.scan import plan_scan, scan
from jaxarc.capture.spec import CaptureSpec
from jaxarc.capture.step import Step
from jaxarc.capture.steps import record_rollout, tap
from jaxarc.capture.watching import Axes, watch, watched_arrays
from jaxarc.errors import CaptureError

__all__ = ["ProgramSettings", "RecorderProgram", "StreamSettings", "register_as_argument"]

Carry = TypeVar("Carry")

_STATIC = ("spec", "axis_name")
_jitted_rollout = functools.partial(jax.jit, static_argnames=_STATIC)(record_rollout)
_jitted_tap = functools.partial(jax.jit, static_argnames=_STATIC)(tap)
_jitted_watch = functools.partial(jax.jit, static_argnames=(*_STATIC, "watched"))(watch)
_jitted_log = functools.partial(jax.jit, static_argnames=_STATIC)(log)


@dataclass(frozen=True)
class StreamSettings:
    """What a stream sends.

    Attributes:
        program: ``off``, ``scalars``, ``steps`` or ``states``.
        envs: how many environments are selected (spread evenly), or their ids.
        journal: ``off``, ``selected`` or ``all``.
        logs: whether ``log`` sends.
    """

    program: str
    envs: int | tuple[int, ...]
    journal: str
    logs: bool


_NOTHING = StreamSettings(program="off", envs=1, journal="off", logs=False)


@dataclass(frozen=True)
class ProgramSettings:
    """Everything of a recorder that programs are traced with; two that are equal make the same program.

    Attributes:
        slot: where the rows are sent to.
        default: what streams send that are not named.
        streams: what the others send, by name.
        chunk_bytes, max_step_bytes, keyframe_steps: as in ``CaptureSpec``.
    """

    slot: int
    default: StreamSettings
    streams: tuple[tuple[str, StreamSettings], ...]
    chunk_bytes: int
    max_step_bytes: int
    keyframe_steps: int


class RecorderProgram:
    """The recorder as a compiled program sees it: a slot and settings, no arrays.

    A Recorder that is an argument of a jitted function is one of these inside.

    Args:
        settings: what programs are traced with.
    """

    def __init__(self, settings: ProgramSettings):
        self._settings = settings
        self._pid = os.getpid()

    def scan(
        self,
        f: Callable[[Any, Any], tuple[Any, tuple[Step, Any]]],
        init: Carry,
        xs: PyTree = None,
        length: SupportsIndex | None = None,
        *,
        reverse: bool = False,
        unroll: int | bool = 1,
        stream: str = "train",
        update: ArrayLike | None = None,
        continues: ArrayLike = True,
        axis_name: str | tuple[str, ...] | None = None,
    ) -> tuple[Carry, PyTree]:
        """Scan as ``jax.lax.scan`` does, and record the Steps that the body returns.

        Survives jit, vmap, nested vmap, scan, grad and remat; one callback a chunk whatever the batch.

        Args:
            f: ``(carry, x) -> (carry, (step, y))``.
            init, xs, length, unroll: as in ``jax.lax.scan``.
            reverse: must be False: episodes are recorded in the order in which they were played.
            stream: name of the flow that the steps belong to (``train``, ``eval``).
            update: the policy-update count, an integer that may be traced.
            continues: False ends the episodes that are open from an earlier call as ``cut``; may be traced.
            axis_name: the mapped axis under shard_map or pmap, so that rows know their device.

        Returns:
            The final carry and the stacked ``y``.

        Raises:
            CaptureError: a Step that cannot be taken, with its path and the way out.
            RecorderClosedError: the recorder is closed.
        """
        spec = self._spec(stream)
        options: dict[str, Any] = {
            "length": None if length is None else operator.index(length),
            "reverse": reverse,
            "unroll": unroll,
            "axis_name": axis_name,
        }
        inputs = (init, xs, update, continues)
        if any(isinstance(leaf, Tracer) for leaf in tree_util.tree_leaves(inputs)):
            return scan(spec, f, init, xs, update=update, continues=continues, **options)
        return _compiled_scan(spec, f, **options)(init, xs, whole_number("update", update), continues)

    def record_rollout(
        self,
        steps: Step,
        *,
        stream: str = "train",
        update: ArrayLike | None = None,
        continues: ArrayLike = True,
        axis_name: str | tuple[str, ...] | None = None,
    ) -> None:
        """Record a rollout that is there anyway, inside or outside a compiled program.

        Args:
            steps: a Step whose leaves have leading axes [time, num_envs], or [time] for one environment.
            stream, update, continues, axis_name: as in ``scan``.
        """
        spec = self._spec(stream)
        if spec.program != "off":
            refuse_non_arrays(steps, "step")
            count = whole_number("update", update)
            _jitted_rollout(spec, steps, update=count, continues=continues, axis_name=axis_name)

    def tap(
        self,
        step: Step,
        *,
        stream: str = "train",
        update: ArrayLike | None = None,
        continues: ArrayLike = True,
        axis_name: str | tuple[str, ...] | None = None,
    ) -> None:
        """Record one Step from anywhere else (a while_loop, one vmapped env step), in one batched callback.

        Taps in a loop arrive in its order. Several taps one after the other in the straight-line code of one
        program, or in a scan that is unrolled, may arrive in any order: stack such steps and give them to
        ``record_rollout``.

        Args:
            step: one Step, with or without a leading axis; rows whose ``active`` is False are not recorded.
            stream, update, continues, axis_name: as in ``scan``.
        """
        spec = self._spec(stream)
        if spec.program != "off":
            refuse_non_arrays(step, "step")
            count = whole_number("update", update)
            _jitted_tap(spec, step, update=count, continues=continues, axis_name=axis_name)

    def log(
        self,
        metrics: Mapping[str, ArrayLike],
        *,
        step: ArrayLike | None = None,
        stream: str = "train",
        axis_name: str | tuple[str, ...] | None = None,
    ) -> None:
        """Log scalars, inside or outside a compiled program; under vmap every member has its own series.

        Args:
            metrics: scalars by name.
            step: the position on your axis, an integer that may be traced.
            stream, axis_name: as in ``scan``.
        """
        spec = self._spec(stream)
        if self._sends(stream).logs:
            unnamed = [name for name in metrics if not isinstance(name, str)]
            if unnamed:
                raise CaptureError(f"recorder.log got the metric {unnamed[0]!r}; metrics are named by text")
            refuse_non_arrays(dict(metrics), "metrics")
            numbers = {name: self._fitted(value) for name, value in metrics.items()}
            _jitted_log(spec, numbers, step=whole_number("step", step), axis_name=axis_name)

    def watch(
        self,
        values: Mapping[str, Any],
        *,
        axes: Axes | Mapping[str, Axes] = (),
        update: ArrayLike | None = None,
        step: ArrayLike | None = None,
        stream: str = "train",
        axis_name: str | tuple[str, ...] | None = None,
    ) -> None:
        """Find where a number first is NaN or infinite, without ``jax_debug_nans`` and without stopping.

        Inside or outside a compiled program. The host is called where something is found, and only there; the
        place (member, update, step, env, leaf, index) is an entry of the run's log, once for every member,
        and how many numbers were not finite is its series ``nonfinite``. Members that are sound go on.

        First is what has the smallest index along the axis ``step``; what has no such axis (gradients of a
        rollout) comes after that; among equals the order of ``values`` counts.

        Args:
            values: arrays and pytrees by name, in the order in which the program computes them; integers and
                what is no number are passed over.
            axes: names of leading axes, such as ``("step", "env")``: of every leaf, or by name of value.
            update: the policy-update count, an integer that may be traced.
            step: the step, likewise, where the values have no axis of steps.
            stream, axis_name: as in ``scan``.

        Raises:
            CaptureError: the values are no mapping, or have not the axes that are named.
        """
        spec = self._spec(stream)
        if self._sends(stream).logs:
            arrays, watched = watched_arrays(values, axes)
            if step is not None and any("step" in each.axes for each in watched):
                raise CaptureError("recorder.watch got step= beside an axis called step; give update=")
            if arrays:
                count, at = whole_number("update", update), whole_number("step", step)
                _jitted_watch(spec, arrays, watched=watched, update=count, step=at, axis_name=axis_name)

    def plan(
        self,
        f: Callable[[Any, Any], tuple[Any, tuple[Step, Any]]],
        init: Any,
        xs: PyTree = None,
        length: int | None = None,
        *,
        stream: str = "train",
    ) -> CapturePlan:
        """Say what ``scan`` with these arguments would send to the host, without running anything."""
        return plan_scan(self._spec(stream), f, init, xs, length)

    def _fitted(self, value: ArrayLike) -> ArrayLike:
        fitted = fits_program(value)
        if type(fitted) is not type(value):
            self._tell_coerced("integer beyond 32 bits stored as a float")
        return fitted

    def _tell_coerced(self, kind: str) -> None:
        """Hear of a value that is stored as something else than it was given as; a program keeps no count."""

    def _check_open(self) -> None:
        """Raise where nothing can be recorded any more; a program cannot know."""

    def _sends(self, stream: str) -> StreamSettings:
        if os.getpid() != self._pid:  # a forked child: the run is its parent's
            return _NOTHING
        return dict(self._settings.streams).get(stream, self._settings.default)

    def _spec(self, stream: str) -> CaptureSpec:
        if not isinstance(stream, str) or not stream:
            raise CaptureError(f"stream= is {stream!r}; give a name, such as stream='eval'")
        self._check_open()
        settings, sends = self._settings, self._sends(stream)
        return CaptureSpec(
            slot=settings.slot,
            stream=stream,
            program=sends.program,
            envs=sends.envs,
            chunk_bytes=settings.chunk_bytes,
            max_step_bytes=settings.max_step_bytes,
            journal=sends.journal,
            keyframe_steps=settings.keyframe_steps,
        )


def register_as_argument(kind: type[RecorderProgram]) -> None:
    """Let JAX take such recorders as arguments: they hold no arrays, and are told apart by their settings."""
    tree_util.register_pytree_node(
        kind, lambda recorder: ((), recorder._settings), lambda settings, _: RecorderProgram(settings)
    )


register_as_argument(RecorderProgram)

_COMPILED: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
"""Scans that were called outside of a program, by their body: called again, they are not compiled again."""


def _compiled_scan(spec: CaptureSpec, f: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Return a jitted scan over ``f``; the same one as long as ``f`` lives, as jax.lax.scan does."""
    try:
        known = _COMPILED.setdefault(f, {})
    except TypeError:  # no weak references to it, or it cannot be hashed
        known = {}
    # True and 1 are equal, but not as unroll=.
    key = (spec, *((name, type(value), value) for name, value in sorted(options.items())))
    if key not in known:
        body = weakref.ref(f) if known is _COMPILED.get(f) else lambda: f

        def run(init: Any, xs: PyTree, update: WholeNumber | None, continues: ArrayLike) -> Any:
            step = body()
            assert step is not None
            return scan(spec, step, init, xs, update=update, continues=continues, **options)

        known[key] = jax.jit(run)
    return known[key]
