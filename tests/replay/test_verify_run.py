"""verify_all: episodes side by side in one program, and every verdict is the one that verify gives alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pendulum
import pytest
from arc_run import TASK_IDS, record_arc_run
from pendulum import Pendulum
from remembered import RememberedSteps, episode_of, journal_of, keyframes_of, remember

import jaxarc
from jaxarc import Step
from jaxarc.errors import NotRecordedError, ReplayError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay import Verification, verify_run
from jaxarc.replay.verify_run import verify_many

LIKE = jax.eval_shape(pendulum.reset, jax.random.key(0))


def facts(found: Verification) -> tuple[Any, ...]:
    """Everything that a verification says."""
    return (str(found), found.ok, dict(found.compared), found.differing_steps, found.floats_exact, found.step)


@cache
def played(step: Any) -> tuple[Pendulum, jax.Array, jax.Array, jax.Array]:
    return pendulum.play(3, 130, step)


def beginning(num_steps: int, step: Any = pendulum.step) -> tuple[Pendulum, jax.Array, jax.Array, jax.Array]:
    """The first steps of a long episode."""
    return jax.tree.map(lambda leaf: leaf[:num_steps], played(step))


def journalled(num_steps: int, every: int = 8, step: Any = pendulum.step) -> EpisodeData:
    states, actions, keys, rewards = beginning(num_steps, step)
    sources = journal_of(states, actions, keys, rewards), keyframes_of(states, range(0, num_steps, every))
    return episode_of(num_steps, *sources)


def with_states(num_steps: int, change: Callable[[Any], Any] | None = None) -> EpisodeData:
    """An episode of level full, without a journal."""
    states, actions, keys, rewards = beginning(num_steps)
    steps = remember("steps", range(num_steps), {"state": states, "action": actions, "key": keys}, rewards)
    return episode_of(num_steps, steps if change is None else change(steps))


def heavier(state: Pendulum, action: jax.Array, key: jax.Array) -> tuple[Pendulum, jax.Array]:
    after, reward = pendulum.step(state, action, key)
    return replace(after, velocity=after.velocity * 1.01), reward


def odd_episodes() -> dict[str, EpisodeData]:
    """Whatever a run may hold of one environment."""

    def one_cell_more(steps: RememberedSteps) -> RememberedSteps:
        return steps.changed("state.gusts.board", 9, lambda board: board + 1)

    before, actions, keys, _ = beginning(13)
    journal = journal_of(before, actions, keys)
    running = EpisodeData(
        type(episode_of(13).row)({**episode_of(13).row, "total_steps": 12, "ended": "running"}),
        [journal, keyframes_of(before, [0])],
    )
    return {
        "short": journalled(13),
        "long": journalled(130),
        "another": journalled(30),
        "drifted": journalled(130, step=pendulum.step_in_another_order),
        "drifted, one keyframe": journalled(30, every=30, step=pendulum.step_in_another_order),
        "heavier": journalled(30, step=heavier),
        "full": with_states(30),
        "full, changed": with_states(30, one_cell_more),
        "one step": journalled(1),
        "running": running,
        "no first state": episode_of(13, journal, keyframes_of(before, [2])),
        "a gap": episode_of(13, journal.take(np.arange(0, 13, 2)), keyframes_of(before, [0])),
        "nothing": episode_of(13),
    }


def told_again(state: Any, action: Any, out: Any) -> Step:
    return Step(reward=out[1], terminated=False)


def test_every_verdict_is_the_one_that_verify_gives_alone():
    """Of sound, drifted, wrong, short, long, running episodes, and of those that cannot be verified."""
    episodes = odd_episodes()
    options = {"like": LIKE, "describe": told_again}
    pairs = [(name, lambda name=name: episodes[name]) for name in episodes]
    found = dict(verify_many(pairs, pendulum.step, **options))
    assert set(found) == set(episodes)
    for name, episode in episodes.items():
        verification = found[name]
        if isinstance(verification, str):
            with pytest.raises(NotRecordedError) as caught:
                jaxarc.verify(episode, pendulum.step, **options)
            assert str(caught.value) == verification
        else:
            assert facts(verification) == facts(jaxarc.verify(episode, pendulum.step, **options)), name
    assert found["full"]
    assert not found["full, changed"]
    left_out = [name for name in found if isinstance(found[name], str)]
    assert left_out == ["no first state", "a gap", "nothing"]


def test_a_batch_that_floats_leave_in_doubt_is_simulated_once_more_alone(monkeypatch: pytest.MonkeyPatch):
    """Differences of integers are beyond doubt."""
    alone = []
    run = verify_run.Simulation.run
    monkeypatch.setattr(
        verify_run.Simulation, "run", lambda self, piece: alone.append(piece) or run(self, piece)
    )
    episodes = odd_episodes()
    names = ["short", "full", "full, changed"]
    assert (
        len(dict(verify_many([(n, lambda n=n: episodes[n]) for n in names], pendulum.step, like=LIKE))) == 3
    )
    assert not alone
    doubtful = ["heavier", "drifted, one keyframe"]
    dict(verify_many([(n, lambda n=n: episodes[n]) for n in doubtful], pendulum.step, like=LIKE))
    assert len(alone) == 2


def counting(count: int, first: int = 0) -> EpisodeData:
    states = jnp.arange(first, first + count, dtype=jnp.int32)
    return episode_of(count, journal_of(states, jnp.ones(count, jnp.int32)), keyframes_of(states, [0]))


def test_many_episodes_are_compiled_once_and_the_program_is_kept():
    """For the next call as well, which may hold fewer."""
    traced = []

    def step(state: jax.Array, action: jax.Array) -> jax.Array:
        traced.append(1)
        return state + action

    for count in (40, 3, 17):
        pairs = [(n, lambda n=n: counting(2 + n % 14, n)) for n in range(count)]
        assert all(dict(verify_many(pairs, step)).values())
    assert len(traced) == 1


def test_memory_is_bounded_by_the_number_of_episodes_that_are_taken_at_once(monkeypatch: pytest.MonkeyPatch):
    """Results come while later episodes are not yet loaded; what waits beside them is flushed."""
    monkeypatch.setattr(verify_run, "_BATCH_BYTES", 4 * 16 * 12)
    monkeypatch.setattr(verify_run, "_WAITING_BYTES", 12 * 100)
    loaded = []

    def load(number: int) -> EpisodeData:
        loaded.append(number)
        return counting(2 if number % 5 else 30)

    seen = []
    for name, found in verify_many([(n, lambda n=n: load(n)) for n in range(50)], lambda s, a: s + a):
        assert found
        seen.append(name)
        assert len(loaded) - len(seen) < 12
    assert sorted(seen) == list(range(50))


def test_a_step_that_fits_no_recording_is_an_error_and_no_verdict():
    """As it is for one episode."""
    with pytest.raises(ReplayError, match="which is not the state that it was given"):
        list(verify_many([(0, lambda: journalled(13))], lambda s, a, k: s.angle, like=LIKE))


def test_a_step_that_cannot_be_batched_is_taken_by_one_episode_after_the_other():
    """As one that calls the host; the side by side program is tried once."""
    tried = []

    def step(state: jax.Array, action: jax.Array) -> jax.Array:
        tried.append(1)
        return jax.pure_callback(lambda s, a: np.int32(s + a), state, state, action)

    pairs = [(n, lambda n=n: counting(4 + n, n)) for n in range(5)]
    for _ in range(2):
        found = dict(verify_many(pairs, step))
        assert len(found) == 5
        assert all(found.values())
    assert len(tried) == 2  # side by side, and alone
    with pytest.raises(ReplayError, match=r"^episode 7: step_fn fails with"):
        list(verify_many(pairs, lambda state, action: int(state)))


@pytest.mark.long
def test_episodes_of_real_tasks_are_confirmed_as_each_is_alone(tmp_path: Path):
    """All of a run that was recorded, cut ones too; a dearer environment differs in the same steps."""
    run = record_arc_run(tmp_path, level="verbose", journal="all")
    tasks = jaxarc.load_tasks("arc-agi-1", "training", ids=TASK_IDS)
    env = jaxarc.ArcEnv(tasks, max_episode_steps=8)
    dearer = jaxarc.ArcEnv(tasks, max_episode_steps=8, success_bonus=9.0, step_penalty=-0.5)
    calls: list[tuple[int, int]] = []
    for environment in (env, dearer):
        report = run.verify_all(environment, progress=lambda done, of: calls.append((done, of)))
        assert report.ok == (environment is env)
        assert len(report) == len(run) >= 4
        for found in report:
            assert facts(found) == facts(run.verify(found.episode, environment))
    assert calls[: len(run)] == [(done, len(run)) for done in range(1, len(run) + 1)]
    assert [found.episode for found in run.verify_all(env, limit=2)] == [0, 1]
