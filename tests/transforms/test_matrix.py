"""Every way in under every transform: the same episodes, a known number of callbacks, three operands each."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from laps import Lanes, lap_step, laps, laps_by_lane
from program_counts import callback_operands
from recording import config, read

from jaxarc import Recorder
from jaxarc.capture import SLOTS
from jaxarc.replay import ReplaySystem

NUM_STEPS = 16
CHUNK_BYTES = 900
"""For each environment: a scan is several chunks, each long enough to cross compacted."""

UPDATES = 2
DEVICES = 4

Array = jax.Array


class Played(NamedTuple):
    """What a play returns: the counts after it and the sum of its rewards, shaped as the counts were."""

    counts: Array
    total: Array


Series = dict[tuple[str, int], list[tuple[int, dict[str, float]]]]
"""Steps and metrics by stream and member."""

Play = Callable[..., Played]
"""``play(counts, weight=1.0, *, active, update, stream, axis_name)`` runs and records ``NUM_STEPS`` steps."""


def by_scan(
    recorder: Recorder, counts: Array, weight: Any = 1.0, active: Any = None, **options: Any
) -> Played:
    """Record by recorder.scan."""

    def body(counts: Array, _: None) -> Any:
        step = lap_step(counts, weight, active)
        return counts + 1, (step, step.reward)

    counts, rewards = recorder.scan(body, counts, None, NUM_STEPS, **options)
    return Played(counts, rewards.sum(0))


def by_rollout(
    recorder: Recorder, counts: Array, weight: Any = 1.0, active: Any = None, **options: Any
) -> Played:
    """Record stacked Steps after the loop."""
    counts, steps = jax.lax.scan(
        lambda counts, _: (counts + 1, lap_step(counts, weight, active)), counts, None, NUM_STEPS
    )
    recorder.record_rollout(steps, **options)
    return Played(counts, jnp.sum(steps.reward, 0))


def by_tap(
    recorder: Recorder, counts: Array, weight: Any = 1.0, active: Any = None, **options: Any
) -> Played:
    """Record by a tap in a loop of the user's."""

    def body(counts: Array, _: None) -> Any:
        step = lap_step(counts, weight, active)
        recorder.tap(step, **options)
        return counts + 1, step.reward

    counts, rewards = jax.lax.scan(body, counts, None, NUM_STEPS)
    return Played(counts, rewards.sum(0))


def by_log(
    recorder: Recorder, counts: Array, weight: Any = 1.0, update: Array | None = None, **options: Any
) -> Played:
    """Log the sum of the rewards of all environments at every step."""

    def body(counts: Array, _: None) -> Any:
        rewards = weight * counts.astype(jnp.float32)
        metrics = {"reward": rewards.sum()} if update is None else {"reward": rewards.sum(), "update": update}
        recorder.log(metrics, step=counts.min(), **options)
        return counts + 1, rewards

    counts, rewards = jax.lax.scan(body, counts, None, NUM_STEPS)
    return Played(counts, rewards.sum(0))


def planned_callbacks(recorder: Recorder, num_envs: int | None) -> int:
    """Return the callbacks of one recorded scan, which are fewer than its steps and more than one."""
    counts = jnp.zeros(() if num_envs is None else num_envs, jnp.int32)
    planned = recorder.plan(lambda c, _: (c + 1, (lap_step(c), None)), counts, length=NUM_STEPS).num_callbacks
    assert 1 < planned < NUM_STEPS
    return planned


WAYS: dict[str, Callable[..., Played]] = {
    "scan": by_scan,
    "record_rollout": by_rollout,
    "tap": by_tap,
    "log": by_log,
}
IN_EVERY_RUN = (
    "eager", "jit", "vmap over seeds", "scan around", "shard_map", "while_loop under vmap", "eight threads",
    "eight threads with streams",
)  # fmt: skip
"""Transforms under which every way in is tried each time; under the others ``scan`` and ``log`` are, and the
rest is long: one bound call is behind all ways in."""


def is_long(name: str, way: str) -> bool:
    """Say whether a cell of the matrix is left to long runs."""
    return way in ("record_rollout", "tap") and name not in IN_EVERY_RUN


THAT_TAKE_STEPS = ("scan", "record_rollout", "tap")
ONE = ("scan",)
"""For transforms that are variants of others."""


Call = tuple[Callable[..., Any], Sequence[Any]]


@dataclass(frozen=True)
class Transform:
    """A program around a play, and what must come of it.

    Attributes:
        calls: from a play to functions and their arguments; several are called by a thread each.
        starts: first count of every lane, [streams, members, environments].
        plays: how often every lane is played, one play going on where the last one ended; an array tells the
            lanes apart.
        callers: how many devices or threads call back by themselves in a play.
        vmapped: the environments are an axis of vmap, which ``log`` sees as members.
        counted_updates: the plays say which update they are.
        outcome: what the first call must return.
        mesh: the mesh that the program runs in.
        ways: the ways in that have a meaning there.
    """

    calls: Callable[[Play], list[Call]]
    starts: np.ndarray
    plays: int | np.ndarray = 1
    callers: int = 1
    vmapped: bool = False
    counted_updates: bool = False
    outcome: Callable[[Any], None] = lambda _: None
    mesh: Callable[[], AbstractContextManager[Any]] = nullcontext
    ways: Sequence[str] = tuple(WAYS)
    marks: Sequence[pytest.MarkDecorator] = field(default=())

    @property
    def num_plays(self) -> np.ndarray:
        """How often each lane is played, of the shape of ``starts``."""
        return np.broadcast_to(self.plays, self.starts.shape)

    def lanes(self) -> Lanes:
        """Return the laps of every lane."""
        updates = NUM_STEPS if self.counted_updates else 0
        return {
            (stream_name(self, stream), member, env): laps(
                int(start), int(self.num_plays[stream, member, env]) * NUM_STEPS, updates
            )
            for (stream, member, env), start in np.ndenumerate(self.starts)
            if self.num_plays[stream, member, env]
        }

    def series(self) -> Series:
        """Return what ``log`` says of every stream and member: the step, and the metrics."""
        starts = self.starts.reshape(len(self.starts), -1, 1) if self.vmapped else self.starts
        times = range(int(self.num_plays.max()) * NUM_STEPS)
        if not times:
            return {}
        found: Series = {}
        for stream, members in enumerate(starts):
            for member, counts in enumerate(members):
                said = [{"reward": float(sum(counts) + len(counts) * time)} for time in times]
                if self.counted_updates:
                    said = [
                        {**now, "update": time // NUM_STEPS} for time, now in zip(times, said, strict=True)
                    ]
                found[stream_name(self, stream), member] = [
                    (int(counts[0]) + time, now) for time, now in zip(times, said, strict=True)
                ]
        return found


def stream_name(transform: Transform, stream: int) -> str:
    return "train" if len(transform.starts) == 1 else f"s{stream}"


def grid(*shape: int) -> np.ndarray:
    """Return starts that are apart in every lane, and not all at the beginning of a lap."""
    return 3 * np.arange(np.prod(shape)).reshape(1, *shape)


def total_of(starts: np.ndarray) -> float:
    """Return the sum of the counts that all lanes go through in one play."""
    return float(sum(start + time for start in starts.reshape(-1) for time in range(NUM_STEPS)))


def once(function: Callable[..., Any], *arguments: Any) -> list[Call]:
    return [(function, arguments)]


def counts_of(starts: np.ndarray) -> Array:
    return jnp.asarray(starts, jnp.int32)


def gives(expected: Any) -> Callable[[Any], None]:
    """Return a check of a derivative."""

    def check(result: Any) -> None:
        np.testing.assert_allclose(np.asarray(result), expected, rtol=1e-6)

    return check


ENVS = grid(1, 3)
SEEDS = grid(2, 2)
NESTED = grid(4, 2)
SHARDED = grid(1, 2 * DEVICES)
ON_DEVICES = grid(DEVICES, 2)
IN_THREADS = grid(1, 8)
WITH_STREAMS = 3 * np.arange(16).reshape(8, 1, 2)


def training(play: Play) -> Callable[[Array], Array]:
    """Return a training function: updates in a scan, the environments under vmap."""

    def train(starts: Array) -> Array:
        def one_update(counts: Array, index: Array) -> tuple[Array, Array]:
            counts, total = jax.vmap(lambda count: play(count, update=index))(counts)
            return counts, total.mean()

        return jax.lax.scan(one_update, starts, jnp.arange(UPDATES))[1]

    return train


def scans(play: Play, counts: Array, lengths: Sequence[int]) -> Array:
    """Play in a scan of scans of these lengths."""

    def body(counts: Array, _: None) -> tuple[Array, None]:
        if len(lengths) == 1:
            return play(counts).counts, None
        return scans(play, counts, lengths[1:]), None

    return jax.lax.scan(body, counts, None, lengths[0])[0]


def while_loop(play: Play, counts: Array) -> Array:
    """Play until every environment has made its plays."""
    end = counts + UPDATES * NUM_STEPS
    return jax.lax.while_loop(lambda now: jnp.any(now < end), lambda now: play(now).counts, counts)


def until_the_last_is_done(play: Play, counts: Array) -> Array:
    """Play until a lane has come to the end, which takes every lane another number of plays."""

    def lane(count: Array) -> Array:
        end = 3 * NUM_STEPS
        return jax.lax.while_loop(
            lambda now: now < end, lambda now: play(now, active=now < end).counts, count
        )

    return jax.vmap(lane)(counts)


def cond(play: Play, counts: Array, wanted: Array) -> Array:
    """Play under a branch that is taken for all or for none."""
    return jax.lax.cond(wanted, lambda: play(counts).total, lambda: jnp.zeros(counts.shape))


def cond_of_lanes(play: Play, counts: Array) -> Array:
    """Play under a branch that each environment takes or not: under vmap both branches run for all."""

    def lane(count: Array) -> Array:
        wanted = count % 2 == 0
        return jax.lax.cond(wanted, lambda: play(count, active=wanted).total, lambda: jnp.float32(0))

    return jax.vmap(lane)(counts)


def donated(play: Play, counts: Array) -> Array:
    """Call a program twice that may write over its carry, and does."""
    step = jax.jit(lambda counts: play(counts).counts, donate_argnums=0)
    between = step(jnp.copy(counts))
    after = step(between)
    assert isinstance(between, Tracer) or between.is_deleted()
    return after


def loss(play: Play) -> Callable[[Any], Array]:
    """Return the sum of all rewards as a function of the weight."""
    return lambda weight: play(counts_of(ENVS[0, 0]), weight).total.sum()


def derivative(transform: Callable[..., Callable[..., Any]]) -> Callable[[Play], list[Call]]:
    return lambda play: once(jax.jit(transform(loss(play))), jnp.float32(1.0))


def vmap_of_grad_of_vmap(play: Play) -> Callable[..., Array]:
    """Return derivatives by a weight for every seed, through environments under vmap."""

    def loss(weight: Array, counts: Array) -> Array:
        return jax.vmap(lambda count: play(count, weight).total)(counts).sum()

    return jax.vmap(jax.grad(loss))


def grad_of_checkpointed_updates(play: Play) -> Callable[[Any], Array]:
    """Return the derivative through a scan whose body is run again backwards."""

    def loss(weight: Array) -> Array:
        @jax.checkpoint
        def one_update(carry: tuple[Array, Array], index: Array) -> tuple[tuple[Array, Array], None]:
            counts, total = carry
            played = play(counts, weight, update=index)
            return (played.counts, total + jnp.square(played.total).sum()), None

        first = (counts_of(ENVS[0, 0]), jnp.float32(0))
        return jax.lax.scan(one_update, first, jnp.arange(UPDATES))[0][1]

    return jax.grad(loss)


def squares_of_updates() -> float:
    """Return the derivative that ``grad_of_checkpointed_updates`` must give."""
    totals = [
        sum(start + update * NUM_STEPS + time for time in range(NUM_STEPS))
        for start in ENVS[0, 0].tolist()
        for update in range(UPDATES)
    ]
    return 2.0 * sum(total**2 for total in totals)


def mesh_of(kind: AxisType) -> Mesh:
    return jax.make_mesh((DEVICES,), ("d",), axis_types=(kind,))


def sharded(kind: AxisType, vmapped: bool) -> Callable[[Play], list[Call]]:
    """Play arrays that lie on four devices, in one program."""

    def calls(play: Play) -> list[Call]:
        counts = jax.device_put(counts_of(SHARDED[0, 0]), NamedSharding(mesh_of(kind), PartitionSpec("d")))
        return once(jax.jit(jax.vmap(play) if vmapped else play), counts)

    return calls


def in_mesh(kind: AxisType) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: jax.set_mesh(mesh_of(kind))


def shard_map(play: Play) -> list[Call]:
    """Play on each device by itself."""
    call = jax.shard_map(
        lambda counts: play(counts, axis_name="d").total,
        mesh=mesh_of(AxisType.Auto),
        in_specs=PartitionSpec("d"),
        out_specs=PartitionSpec("d"),
    )
    return once(jax.jit(call), counts_of(ON_DEVICES.reshape(-1)))


def pmap(play: Play) -> list[Call]:
    """Play on each device by itself, in the old way."""
    call = jax.pmap(lambda counts: play(counts, axis_name="d").total, axis_name="d")
    return once(call, counts_of(ON_DEVICES[0]))


def in_threads(play: Play) -> list[Call]:
    """Call one program from eight threads at once; each plays an environment of its own."""
    program = jax.jit(lambda counts, env: play(counts, active=jnp.arange(8) == env))
    return [(program, (counts_of(IN_THREADS[0, 0]), jnp.int32(env))) for env in range(8)]


def in_threads_with_streams(play: Play) -> list[Call]:
    """Call eight programs at once, each with a stream of its own."""
    return [
        (jax.jit(lambda counts, stream=f"s{n}": play(counts, stream=stream)), (counts_of(starts[0]),))
        for n, starts in enumerate(WITH_STREAMS)
    ]


ENVS_TOTAL = total_of(ENVS)

TRANSFORMS: dict[str, Transform] = {
    "jit": Transform(lambda play: once(jax.jit(play), counts_of(ENVS[0, 0])), ENVS),
    "jit of one environment": Transform(
        lambda play: once(jax.jit(play), counts_of(ENVS[0, 0, 1])), ENVS[:, :, 1:2], ways=ONE
    ),
    "eager": Transform(lambda play: once(play, counts_of(ENVS[0, 0])), ENVS),
    "vmap over envs": Transform(
        lambda play: once(jax.jit(jax.vmap(play)), counts_of(ENVS[0, 0])), ENVS, vmapped=True
    ),
    "eager vmap over envs": Transform(
        lambda play: once(jax.vmap(play), counts_of(ENVS[0, 0])), ENVS, vmapped=True, ways=("scan", "tap")
    ),
    "vmap over seeds": Transform(
        lambda play: once(jax.jit(jax.vmap(training(play))), counts_of(SEEDS[0])),
        SEEDS,
        plays=UPDATES,
        vmapped=True,
        counted_updates=True,
    ),
    "nested vmap": Transform(
        lambda play: once(jax.jit(jax.vmap(jax.vmap(play))), counts_of(NESTED.reshape(2, 2, 2))), NESTED
    ),
    "nested vmap, envs vmapped": Transform(
        lambda play: once(jax.jit(jax.vmap(jax.vmap(jax.vmap(play)))), counts_of(NESTED.reshape(2, 2, 2))),
        NESTED,
        vmapped=True,
    ),
    "scan around": Transform(
        lambda play: once(jax.jit(lambda c: scans(play, c, [UPDATES])), counts_of(ENVS[0, 0])),
        ENVS,
        plays=UPDATES,
    ),
    "scan of scans": Transform(
        lambda play: once(jax.jit(lambda c: scans(play, c, [2, 2])), counts_of(ENVS[0, 0])), ENVS, plays=4
    ),
    "while_loop": Transform(
        lambda play: once(jax.jit(lambda c: while_loop(play, c)), counts_of(ENVS[0, 0])),
        ENVS,
        plays=UPDATES,
    ),
    "while_loop under vmap": Transform(
        lambda play: once(
            jax.jit(lambda c: until_the_last_is_done(play, c)), counts_of([0, NUM_STEPS, 2 * NUM_STEPS])
        ),
        np.array([[[0, NUM_STEPS, 2 * NUM_STEPS]]]),
        plays=np.array([3, 2, 1]),
        vmapped=True,
        ways=THAT_TAKE_STEPS,
    ),
    "fori_loop": Transform(
        lambda play: once(
            jax.jit(lambda c: jax.lax.fori_loop(0, UPDATES, lambda i, c: play(c, update=i).counts, c)),
            counts_of(ENVS[0, 0]),
        ),
        ENVS,
        plays=UPDATES,
        counted_updates=True,
    ),
    "cond that is taken": Transform(
        lambda play: once(jax.jit(lambda c, w: cond(play, c, w)), counts_of(ENVS[0, 0]), jnp.array(True)),
        ENVS,
        ways=("tap", "log"),
    ),
    "cond that is not taken": Transform(
        lambda play: once(jax.jit(lambda c, w: cond(play, c, w)), counts_of(ENVS[0, 0]), jnp.array(False)),
        ENVS,
        plays=0,
        ways=THAT_TAKE_STEPS,
    ),
    "cond under vmap": Transform(
        lambda play: once(jax.jit(lambda c: cond_of_lanes(play, c)), counts_of(ENVS[0, 0])),
        ENVS,
        plays=np.array([1, 0, 1]),
        vmapped=True,
        ways=THAT_TAKE_STEPS,
    ),
    "grad": Transform(derivative(jax.grad), ENVS, outcome=gives(ENVS_TOTAL)),
    "value_and_grad": Transform(
        derivative(jax.value_and_grad), ENVS, outcome=gives([ENVS_TOTAL, ENVS_TOTAL])
    ),
    "jacfwd": Transform(derivative(jax.jacfwd), ENVS, outcome=gives(ENVS_TOTAL), ways=ONE),
    "jvp": Transform(
        derivative(lambda f: lambda w: jax.jvp(f, (w,), (2 * w,))),
        ENVS,
        outcome=gives([ENVS_TOTAL, 2 * ENVS_TOTAL]),
        ways=ONE,
    ),
    "linearize": Transform(
        derivative(lambda f: lambda w: jax.linearize(f, w)[1](3 * w)),
        ENVS,
        outcome=gives(3 * ENVS_TOTAL),
        ways=ONE,
    ),
    "hessian": Transform(
        derivative(lambda f: jax.hessian(lambda w: f(w) ** 2)), ENVS, outcome=gives(2 * ENVS_TOTAL**2)
    ),
    "vmap of grad of vmap": Transform(
        lambda play: once(jax.jit(vmap_of_grad_of_vmap(play)), jnp.ones(2), counts_of(SEEDS[0])),
        SEEDS,
        vmapped=True,
        outcome=gives([total_of(starts) for starts in SEEDS[0]]),
    ),
    "remat": Transform(derivative(lambda f: jax.grad(jax.checkpoint(f))), ENVS, outcome=gives(ENVS_TOTAL)),
    "scan of remat": Transform(
        lambda play: once(jax.jit(grad_of_checkpointed_updates(play)), jnp.float32(1.0)),
        ENVS,
        plays=UPDATES,
        counted_updates=True,
        outcome=gives(squares_of_updates()),
    ),
    "donated carries": Transform(
        lambda play: once(lambda c: donated(play, c), counts_of(ENVS[0, 0])),
        ENVS,
        plays=2,
        outcome=gives(ENVS[0, 0] + 2 * NUM_STEPS),
    ),
    "sharded on an Auto mesh": Transform(sharded(AxisType.Auto, False), SHARDED, mesh=in_mesh(AxisType.Auto)),
    "sharded on an Auto mesh, vmapped": Transform(
        sharded(AxisType.Auto, True), SHARDED, vmapped=True, mesh=in_mesh(AxisType.Auto)
    ),
    "sharded on an Explicit mesh": Transform(
        sharded(AxisType.Explicit, False), SHARDED, mesh=in_mesh(AxisType.Explicit)
    ),
    "sharded on an Explicit mesh, vmapped": Transform(
        sharded(AxisType.Explicit, True), SHARDED, vmapped=True, mesh=in_mesh(AxisType.Explicit)
    ),
    "shard_map": Transform(shard_map, ON_DEVICES, callers=DEVICES),
    "pmap": Transform(
        pmap,
        ON_DEVICES,
        callers=DEVICES,
        marks=[pytest.mark.filterwarnings("ignore:.*pmap.*:DeprecationWarning")],
    ),
    "eight threads": Transform(in_threads, IN_THREADS, callers=8, ways=THAT_TAKE_STEPS),
    "eight threads with streams": Transform(in_threads_with_streams, WITH_STREAMS, ways=("tap", "log")),
}

CELLS = [
    pytest.param(
        TRANSFORMS[name],
        way,
        id=f"{name}-{way}",
        marks=[*TRANSFORMS[name].marks, *([pytest.mark.long] if is_long(name, way) else [])],
    )
    for name in TRANSFORMS
    for way in TRANSFORMS[name].ways
]


def call_all(calls: list[Call]) -> Any:
    """Call a function, or several by a thread each."""
    if len(calls) == 1:
        function, arguments = calls[0]
        return jax.block_until_ready(function(*arguments))
    return call_each_in_a_thread(calls)


def call_each_in_a_thread(calls: list[Call]) -> None:
    failures: list[BaseException] = []

    def run(function: Callable[..., Any], arguments: Sequence[Any]) -> None:
        try:
            jax.block_until_ready(function(*arguments))
            jax.effects_barrier()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(("transform", "way"), CELLS)
def test_a_way_in_under_a_transform_records_what_python_plays(run_root: Path, transform: Transform, way: str):
    """Every observation of every lane, as many callbacks as were planned, nothing lost, three operands."""
    num_envs = None if transform.vmapped else transform.starts.shape[-1]
    settings = config(run_root, capture={"chunk_bytes": CHUNK_BYTES * (num_envs or 1)})
    before = (SLOTS.failed_chunks, SLOTS.orphaned_chunks)
    with Recorder(settings) as recorder, transform.mesh():
        calls = transform.calls(functools.partial(WAYS[way], recorder))
        operands = [
            count
            for function, arguments in calls
            for count in callback_operands(jax.make_jaxpr(function)(*arguments))
        ]
        result = call_all(calls)
        assert recorder.flush()
        health = recorder.health()
        a_play = NUM_STEPS if way in ("tap", "log") else planned_callbacks(recorder, num_envs)
    assert operands
    assert set(operands) == {3}
    plays = int(transform.num_plays.max()) * len(transform.starts)
    assert health.accepted_chunks == a_play * plays * transform.callers
    assert (SLOTS.failed_chunks, SLOTS.orphaned_chunks) == before
    assert (health.refused_chunks, health.lost_chunks, health.dropped_steps, health.errors) == (0, 0, 0, 0)
    transform.outcome(result)
    run = read(recorder)
    assert laps_by_lane(run) == ({} if way == "log" else transform.lanes())
    assert series_of(run) == (transform.series() if way == "log" else {})


def series_of(run: ReplaySystem) -> Series:
    """Return what was logged."""
    found: Series = {}
    for event in run.events("metric_batch"):
        said = event.payload
        if "member" not in said["ctx"]:  # the mean
            continue
        member = found.setdefault((said["ctx"]["stream"], said["ctx"]["member"]), [])
        member.append((said["step"], said["metrics"]))
    return found
