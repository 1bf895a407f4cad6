"""What crosses for some steps only is filled in on the host: as if everything had crossed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxarc.capture import SLOTS, CaptureSpec, Step, scan, tap
from jaxarc.records.chunk import Chunk, RowGroup

SIZE = 12
NUM_STEPS = 48


class Receiver:
    """A slot, and the chunks that arrived at it."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.slot = SLOTS.take(self.chunks.append)

    def spec(self, program: str, **options: Any) -> CaptureSpec:
        assert self.slot is not None
        settings = {"envs": 2, "chunk_bytes": 10**6, "max_step_bytes": 10**8, **options}
        return CaptureSpec(slot=self.slot, stream="train", program=program, **settings)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    assert receiver.slot is not None
    SLOTS.free(receiver.slot)


def state_of(count: jax.Array, period: jax.Array) -> dict[str, Any]:
    """A state: a board that moves at every step, one that seldom does, floats that never do, and a count."""
    cells = jnp.arange(SIZE * SIZE).reshape(SIZE, SIZE)
    return {
        "board": ((cells + count) % 11 - 1).astype(jnp.int8),
        "clipboard": ((cells + count // 13) % 7).astype(jnp.int8),
        "field": jnp.full((9, 9), period, jnp.float32) / 3,
        "count": count,
    }


def body(period: jax.Array, count: jax.Array, _: None) -> tuple[jax.Array, Any]:
    """One environment: its episodes are ``period`` long, its count goes on through all of them."""
    before = state_of(count, period)
    ended = (count + 1) % period == 0
    after = state_of(count + 1, period)["board"]
    step = Step(
        observation=before["board"],
        action=count % 5,
        reward=count.astype(jnp.float32),
        terminated=ended,
        next_observation=jnp.where(ended, jnp.int8(9) - after, after),
        episode={"target": jnp.full((SIZE, SIZE), count // period % 100, jnp.int8)},
        info={"half": count.astype(jnp.bfloat16)},
        state=before,
    )
    return count + 1, (step, (step, count))


def batched(period: jax.Array, counts: jax.Array, _: None) -> tuple[jax.Array, Any]:
    """All environments, as a leading axis."""

    def one(count: jax.Array) -> tuple[jax.Array, tuple[jax.Array, Step]]:
        count, (step, _) = body(period, count, None)
        return count, step

    counts, step = jax.vmap(one)(counts)
    return counts, (step, (step, counts))


def play(spec: CaptureSpec, period: int, batch: str, num_envs: int = 3) -> Any:
    """Record, and return the Steps as the program saw them, [M E K ...]."""
    counts = jnp.arange(num_envs) * 7
    if batch == "vmap":
        run = jax.vmap(lambda p, c: scan(spec, partial(body, p), c, None, NUM_STEPS)[1][0], in_axes=(None, 0))
        steps = jax.jit(run)(jnp.int32(period), counts)
        return jax.tree_util.tree_map(lambda x: np.asarray(x)[None], steps)
    members = jax.vmap(
        lambda p, c: scan(spec, partial(batched, p), c, None, NUM_STEPS)[1][0], in_axes=(None, 0)
    )
    steps = jax.jit(members)(jnp.int32(period), jnp.stack([counts, counts + 1]))
    return jax.tree_util.tree_map(lambda x: np.asarray(x).swapaxes(1, 2), steps)


def leaves(chunk: Chunk, group: RowGroup) -> dict[str, np.ndarray]:
    """Every field of a group, [M S K ...]."""
    lead = (chunk.num_members, len(group.env_ids), chunk.num_steps)
    return {
        field.name: field.decode(rows.take(np.arange(len(rows)))).reshape(*lead, *field.shape)
        for field, rows in zip(group.layout.rows, group.fields, strict=True)
    }


@pytest.mark.parametrize("batch", ["vmap", "members"])
@pytest.mark.parametrize("period", [2, pytest.param(16, marks=pytest.mark.long), 1000])
@pytest.mark.parametrize("program", ["steps", "states"])
def test_rows_are_whole_however_they_crossed(receiver: Receiver, program: str, period: int, batch: str):
    """Long episodes cross compacted, short ones whole; the host sees the same numbers either way."""
    steps = play(receiver.spec(program), period, batch)
    jax.effects_barrier()
    (chunk,) = receiver.chunks
    (group,) = chunk.groups
    found = leaves(chunk, group)
    assert group.env_ids.tolist() == [0, 1]
    of_state = {
        f"state.{name}": value for name, value in (steps.state.items() if program == "states" else ())
    }
    expected = {
        "observation": steps.observation,
        "next_observation": steps.next_observation,
        "action": steps.action,
        "info.half": steps.info["half"],
        **of_state,
    }
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value[:, :2], err_msg=name)
    ended = steps.terminated[:, :2]
    starts = np.concatenate([np.ones_like(ended[..., :1]), ended[..., :-1]], axis=-1)
    target = steps.episode["target"][:, :2]
    np.testing.assert_array_equal(found["episode.target"][starts], target[starts])
    assert (chunk.header.room < chunk.header.num_rows) == (period >= 16)


def test_an_array_that_is_given_twice_crosses_once(receiver: Receiver):
    """The observation is a leaf of the state, and so is the large field that never changes."""
    play(receiver.spec("states"), 1000, "vmap")
    jax.effects_barrier()
    (chunk,) = receiver.chunks
    fields = {field.name: field for field in chunk.layout.rows}
    board = fields["state.board"]
    assert chunk.layout.rows[board.shares] is fields["observation"]
    assert [fields[f"state.{name}"].sent for name in ("field", "count")] == ["changed", "every"]
    whole = 2 * NUM_STEPS * chunk.layout.row_bytes
    assert chunk.row_bytes < 0.6 * whole


def test_bytes_are_those_of_the_header(receiver: Receiver):
    """What a chunk brings is what its header says, compacted or whole."""
    for period in (1, 1000):
        for batch in ("vmap", "members"):
            play(receiver.spec("states", journal="all"), period, batch)
    jax.effects_barrier()
    assert len(receiver.chunks) == 4
    for chunk in receiver.chunks:
        assert chunk.nbytes == chunk.header.num_bytes(chunk.layout)


@pytest.mark.parametrize("batch", ["vmap", "members"])
@pytest.mark.parametrize("journal", ["selected", "all"])
@pytest.mark.parametrize(
    ("program", "period"),
    [("scalars", 16), pytest.param("steps", 2, marks=pytest.mark.long), ("states", 16)],
)
def test_a_journal_holds_actions_hashes_and_keyframes(
    receiver: Receiver, program: str, period: int, journal: str, batch: str
):
    """Of the selected environments or of all: every action and hash, states at starts and every 8th step."""
    from jaxarc.records.hashing import leaf_hash

    steps = play(receiver.spec(program, journal=journal, keyframe_steps=8), period, batch)
    jax.effects_barrier()
    (chunk,) = receiver.chunks
    seen: list[int] = []
    for group in chunk.groups:
        envs = group.env_ids.tolist()
        seen += envs
        found = leaves(chunk, group)
        np.testing.assert_array_equal(found["action"], steps.action[:, envs])
        for name, value in steps.state.items():
            expected = leaf_hash(value[:, envs], 3)
            np.testing.assert_array_equal(found[f"state_hash.{name}"], expected, err_msg=name)
    assert seen == ([0, 1, 2] if journal == "all" else [0, 1])
    kinds = [group.layout.kind for group in chunk.groups]
    assert kinds == {
        ("scalars", "selected"): ["journal"],
        ("scalars", "all"): ["journal"],
        ("steps", "selected"): ["steps"],
        ("states", "selected"): ["steps"],
    }.get((program, journal), ["steps", "journal"])
    frames = chunk.keyframes
    if (program, journal) == ("states", "selected"):
        assert frames is None
        return
    assert frames is not None
    layout = frames.layout
    where = (frames.member, frames.env, frames.step)
    for position, field in enumerate(layout.rows):
        value = field.decode(frames.fields[position].take(np.arange(len(frames.step))))
        np.testing.assert_array_equal(value, steps.state[str(field.path[0])][where], err_msg=field.name)
    held = set(zip(*(axis.tolist() for axis in where), strict=True))
    members, _, num_steps = steps.reward.shape
    for member in range(members):
        for env in seen:
            for step in range(num_steps):
                starts = step == 0 or bool(steps.terminated[member, env, step - 1])
                if starts or step % 8 == 0:
                    assert (member, env, step) in held


def test_a_journal_of_all_where_all_are_selected_is_not_doubled(receiver: Receiver):
    """Under vmap that is known on the host only."""
    play(receiver.spec("steps", journal="all"), 16, "vmap", num_envs=2)
    jax.effects_barrier()
    (chunk,) = receiver.chunks
    assert [(group.layout.kind, group.env_ids.tolist()) for group in chunk.groups] == [("steps", [0, 1])]
    assert chunk.keyframes is not None
    assert set(chunk.keyframes.env.tolist()) == {0, 1}


@pytest.mark.parametrize("given", [True, False])
def test_a_tap_sends_states_where_an_episode_starts(receiver: Receiver, given: bool):
    """As far as Step.start says it; without it every step may be a start."""
    spec = receiver.spec("scalars", journal="all")
    for time in range(4):
        count = jnp.arange(2) + time
        start = count % 3 == 0 if given else None
        state = {"count": count}
        ended = count % 3 == 2
        tap(spec, Step(reward=jnp.zeros(2), terminated=ended, action=count, state=state, start=start))
    jax.effects_barrier()
    frames = [chunk.keyframes for chunk in receiver.chunks]
    counts = [
        f.layout.rows[0].decode(f.fields[0].take(np.arange(len(f.step)))).tolist()
        for f in frames
        if f is not None
    ]
    assert counts == ([[0], [], [3], [3]] if given else [[0, 1], [1, 2], [2, 3], [3, 4]])


def test_ids_without_the_first_environment_do_not_lift_the_limit(receiver: Receiver):
    """Chunks of a vmapped environment are as long whichever environment is selected."""
    for envs in ((0,), (2,)):
        spec = receiver.spec("steps", envs=envs, chunk_bytes=4000)
        run = jax.vmap(lambda c, spec=spec: scan(spec, partial(body, jnp.int32(5)), c, None, NUM_STEPS)[0])
        jax.jit(run)(jnp.arange(3))
    jax.effects_barrier()
    lengths = [chunk.num_steps for chunk in receiver.chunks]
    half = len(lengths) // 2
    assert half > 1
    assert lengths[:half] == lengths[half:]


def test_a_journal_needs_a_state_and_an_action(receiver: Receiver):
    """What cannot be simulated again is refused, with what to give."""
    from jaxarc.errors import CaptureError

    step = Step(reward=jnp.zeros(2), terminated=jnp.zeros(2, bool), action=jnp.zeros(2))
    with pytest.raises(
        CaptureError, match=r"step\.state is missing, and capture\.journal=selected.*journal=off"
    ):
        scan(receiver.spec("steps", journal="selected"), lambda c, _: (c, (step, c)), 0, None, 2)


@pytest.mark.parametrize("num_steps", [1, 5])
def test_chunks_of_one_step_and_small_remainders_are_whole(receiver: Receiver, num_steps: int):
    """A single step has no step after it to compare with, and a remainder may have none either."""
    spec = receiver.spec("states", chunk_bytes=1500)
    jax.jit(lambda c: scan(spec, partial(body, jnp.int32(3)), c, None, num_steps)[0])(jnp.int32(0))
    jax.effects_barrier()
    groups = [leaves(chunk, chunk.groups[0]) for chunk in receiver.chunks]
    assert sum(chunk.num_steps for chunk in receiver.chunks) == num_steps
    states = [state_of(jnp.int32(count), jnp.int32(3)) for count in range(num_steps)]
    for name in ("board", "clipboard", "field", "count"):
        found = np.concatenate([group[f"state.{name}"][0, 0] for group in groups])
        np.testing.assert_array_equal(found, np.stack([state[name] for state in states]), err_msg=name)
