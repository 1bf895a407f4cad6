"""A training loop that is compiled whole, vmapped over seeds, called again and recorded again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import toy
from recording import assert_episode_equals, batched_body, config, lanes_of, read, rows_by_lane

from jaxarc import Recorder
from jaxarc.records.experiment_events import MetricBatch
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open

NUM_ENVS, NUM_UPDATES, STEPS_PER_UPDATE, NUM_SEEDS = 3, 4, 7, 3


def train_keys(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return reset keys [num_envs] and action keys [updates, steps, num_envs]."""
    first, second = jax.random.split(key)
    return (
        jax.random.split(first, NUM_ENVS),
        jax.random.split(second, (NUM_UPDATES, STEPS_PER_UPDATE, NUM_ENVS)),
    )


def make_train(recorder: Recorder, traces: list[int]) -> Callable[[jax.Array], Any]:
    """Return a training function that appends to ``traces`` whenever it is traced."""

    def train(key: jax.Array) -> jax.Array:
        traces.append(1)
        reset_keys, action_keys = train_keys(key)

        def update(states: toy.State, x: tuple[jax.Array, jax.Array]) -> tuple[toy.State, jax.Array]:
            index, step_keys = x
            states, rewards = recorder.scan(batched_body, states, step_keys, update=index)
            recorder.log({"loss": rewards.sum(), "updates": index}, step=10 * index)
            return states, rewards.mean()

        states = jax.vmap(toy.reset)(reset_keys)
        _, means = jax.lax.scan(update, states, (jnp.arange(NUM_UPDATES), action_keys))
        return means

    return jax.jit(jax.vmap(train))


def expected_of(seeds: jax.Array) -> list[list[toy.Episode]]:
    """Return the episodes of each member, played by the Python loop."""
    played = []
    for seed in seeds:
        reset_keys, action_keys = train_keys(seed)
        played.append(toy.play(reset_keys, action_keys.reshape(-1, NUM_ENVS)))
    return played


@keep_segments_open()
def assert_members_equal(run: ReplaySystem, calls: list[list[list[toy.Episode]]]) -> None:
    """Compare a run with the episodes of several calls, member by member and lane by lane."""
    lanes = rows_by_lane(run)
    total = 0
    for member in range(NUM_SEEDS):
        for env_id in range(NUM_ENVS):
            expected = [
                e for call in calls for lane, es in lanes_of(call[member]) for e in es if lane == env_id
            ]
            rows = lanes[member, env_id]
            assert len(rows) == len(expected)
            total += len(rows)
            for row, episode in zip(rows, expected, strict=True):
                assert_episode_equals(run.load_episode(row.episode), episode)
    assert len(run) == total


@pytest.fixture(scope="module")
def recorded(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ReplaySystem, ReplaySystem, Any, list[int], list[int]]:
    """Two calls under one Recorder, a third under another; the runs, what was expected, traces, chunks."""
    root = tmp_path_factory.mktemp("runs")
    seeds = [jax.random.split(jax.random.key(n), NUM_SEEDS) for n in (1, 2, 3)]
    traces: list[int] = []
    with Recorder(config(root)) as first:
        train = make_train(first, traces)
        train(seeds[0])
        traced_once = len(traces)
        train(seeds[1])
        first.flush()
        chunks = first.health().accepted_chunks
    with Recorder(config(root)) as second:
        assert second.slot == first.slot
        train(seeds[2])
    expected = [expected_of(seed) for seed in seeds]
    return read(first), read(second), expected, [traced_once, len(traces)], [chunks]


def test_every_episode_is_there_once_of_the_right_member(recorded):
    """Over update borders whole; those open when the program is called again end as cut."""
    first, _, expected, _, _ = recorded
    assert_members_equal(first, expected[:2])
    cut = first.episodes("ended == 'cut'")
    open_ones = [e for call in expected[:2] for member in call for e in member if e.ended == "open"]
    assert len(cut) == len(open_ones) > 0
    crossing = [e for member in expected[0] for e in member if e.ended != "open"]
    assert any(len(episode.reward) > 1 for episode in crossing)


def test_a_second_recorder_gets_the_rows_without_a_new_trace(recorded):
    """The compiled program holds a slot, not a recorder: the third call lands in the second run."""
    _, second, expected, traces, _ = recorded
    assert_members_equal(second, expected[2:])
    traced_once, traced_at_the_end = traces
    assert traced_at_the_end == traced_once


def test_one_callback_an_update_and_a_log_whatever_the_seeds(recorded):
    """Two calls of four updates: a chunk of steps and a batch of metrics each."""
    assert recorded[4] == [2 * NUM_UPDATES * 2]


def test_rows_carry_the_update_they_ended_in(recorded):
    """``update=`` is traced, and every row has one of its values."""
    first = recorded[0]
    updates = first.episodes()["update"]
    assert set(updates.tolist()) == set(range(NUM_UPDATES))
    for row in first.episodes("member == 1 and env_id == 0", sort="uid"):
        last_step = (row.end_step // NUM_ENVS - 1) % (NUM_UPDATES * STEPS_PER_UPDATE)
        assert row.update == last_step // STEPS_PER_UPDATE


def test_logged_scalars_are_a_series_a_member(recorded):
    """Each member logs once an update, with its own values and the step that was given."""
    first, _, expected, _, _ = recorded
    series: dict[int, list[tuple[int, float, int]]] = {}
    for event in first.events("metric_batch"):
        payload = event.payload
        if "member" not in payload["ctx"]:  # the mean
            continue
        series.setdefault(payload["ctx"]["member"], []).append(
            (payload["step"], payload["metrics"]["loss"], payload["metrics"]["updates"])
        )
    assert sorted(series) == [0, 1, 2]
    for member, values in series.items():
        assert [step for step, _, _ in values] == [0, 10, 20, 30] * 2
        assert [update for _, _, update in values] == [0, 1, 2, 3] * 2
        total = sum(float(r) for e in expected[0][member] for r in e.reward)
        assert sum(loss for _, loss, _ in values[:4]) == pytest.approx(total, rel=1e-5, abs=1e-4)


def test_curves_are_those_of_the_episodes_that_were_played(recorded):
    """Both calls of the program are in the curves of each seed, with the returns of the episodes played."""
    first, _, expected, _, _ = recorded
    for member in range(NUM_SEEDS):
        count = first.metrics("train/episodes", member=member)
        mean = first.metrics("train/episode_return_mean", member=member)
        ended = [episode for call in expected[:2] for episode in call[member] if episode.ended != "open"]
        assert len(count) > NUM_UPDATES  # the program was called twice
        assert count.value.sum() == len(ended)
        returns = [float(sum(map(float, episode.reward))) for episode in ended]
        assert (count.value * mean.value).sum() == pytest.approx(sum(returns))
        assert sorted(count.step) == list(count.step)


def test_logged_scalars_have_their_mean_over_members(recorded):
    """Each call has one event more, and all know the environment steps that came before them."""
    first, *_ = recorded
    batches = [MetricBatch.of(event) for event in first.events("metric_batch")]
    means = [batch for batch in batches if batch.ctx == {"stream": "train", "agg": "mean"}]
    assert len(means) == 2 * NUM_UPDATES
    assert len(batches) == (NUM_SEEDS + 1) * len(means)
    for update, mean in enumerate(means[:NUM_UPDATES]):
        mine = [
            batch for batch in batches[: 4 * NUM_UPDATES] if batch.step == mean.step and "member" in batch.ctx
        ]
        assert mean.metrics["loss"] == pytest.approx(sum(batch.metrics["loss"] for batch in mine) / NUM_SEEDS)
        env_step = (update + 1) * STEPS_PER_UPDATE * NUM_ENVS
        assert [batch.more for batch in [mean, *mine]] == [{"members": 3, "env_step": env_step}] * 4


def test_a_fresh_call_without_start_is_told_by_continues(run_root: Path):
    """``continues=False`` ends what is open, where no Step says that it starts."""

    def body(states, step_keys):
        states, (step, y) = batched_body(states, step_keys)
        return states, (type(step)(**{**vars(step), "start": None}), y)

    with Recorder(config(run_root)) as recorder:
        rollout = jax.jit(lambda s, k, go_on: recorder.scan(body, s, k, continues=go_on))
        reset_keys, action_keys = train_keys(jax.random.key(0))
        states = jax.vmap(toy.reset)(reset_keys)
        for go_on in (False, True, False):
            rollout(states, action_keys[0, :2], go_on)
    lanes = rows_by_lane(read(recorder))
    for env_id in range(NUM_ENVS):
        steps = [row.total_steps for row in lanes[0, env_id] if row.ended == "cut"]
        assert sum(row.total_steps for row in lanes[0, env_id]) == 6
        if len(lanes[0, env_id]) == 2:
            assert steps == [4, 2]
    assert any(len(lanes[0, env_id]) == 2 for env_id in range(NUM_ENVS))
