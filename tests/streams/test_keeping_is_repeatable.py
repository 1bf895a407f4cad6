"""The same key keeps the same episodes, under every rule, and they are the ones that the rule means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from recording import config, read

from jaxarc import Recorder, Step
from jaxarc.config.keep import KEEP_RULES
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open

NUM_STEPS, NUM_ENVS, NUM_TASKS = 40, 3, 3

COLUMNS = ("episode", "uid", "env_id", "task", "ended", "total_steps", "total_reward", "success", "complete")
COLUMNS += ("start_step", "end_step", "stored_steps")

Row = Any
Chosen = set[int]


def steps_of(key: jax.Array) -> Step:
    """Draw a rollout: ends, rewards and successes by chance, a task for every environment."""
    keys = jax.random.split(key, 4)
    shape = (NUM_STEPS, NUM_ENVS)
    reward = jax.random.randint(keys[0], shape, -5, 6, jnp.int32)
    ended = jax.random.bernoulli(keys[1], 0.3, shape)
    task = jnp.broadcast_to(jnp.arange(NUM_ENVS, dtype=jnp.int32) % NUM_TASKS, shape)
    return Step(
        observation=reward,
        action=reward,
        reward=reward,
        terminated=ended,
        success=ended & jax.random.bernoulli(keys[2], 0.4, shape),
        labels={"task": task},
    )


def best(n: int, sign: int) -> Callable[[list[Row]], Chosen]:
    """Keep what is among the n best of those that ended until then."""

    def choose(rows: list[Row]) -> Chosen:
        chosen: Chosen = set()
        for index, row in enumerate(rows):
            better = [other for other in rows[:index] if sign * other.total_reward >= sign * row.total_reward]
            if len(better) < n:
                chosen.add(index)
        return chosen

    return choose


def first_successes(rows: list[Row]) -> Chosen:
    firsts: dict[int, int] = {}
    for index, row in enumerate(rows):
        if row.success:
            firsts.setdefault(row.task, index)
    return set(firsts.values())


RULES: dict[str, Callable[[list[Row]], Chosen]] = {
    "all": lambda rows: set(range(len(rows))),
    "every_n:4": lambda rows: set(range(0, len(rows), 4)),
    "capped_cubic": lambda rows: {0, 1, 8, 27, 64, 125} & set(range(len(rows))),
    "best_n:3": best(3, 1),
    "worst_n:2": best(2, -1),
    "success": lambda rows: {index for index, row in enumerate(rows) if row.success},
    "failed": lambda rows: {index for index, row in enumerate(rows) if not row.success},
    "first_success": first_successes,
}


@keep_segments_open()
def told(run: ReplaySystem) -> list[Any]:
    """Return everything that two runs of one key must share: rows without their times, and stored steps."""
    found = []
    for row in run.episodes(sort="episode"):
        columns = {name: getattr(row, name) for name in COLUMNS}
        steps: list[Any] = []
        if row.stored_steps:
            episode = run.load_episode(row.episode)
            steps = [episode.step.tolist(), episode.reward.tolist(), episode.observation.tolist()]
        found.append((columns, steps))
    return found


def test_every_rule_is_here():
    """A rule that is added has to be added to these tests."""
    assert {name.partition(":")[0] for name in RULES} == set(KEEP_RULES)


@pytest.mark.parametrize("rule", [*RULES, "success + best_n:3"])
def test_the_same_key_keeps_the_same_episodes(run_root: Path, rule: str, program: Any):
    """Twice the same rows and the same stored steps, of exactly the episodes that the rule chooses."""
    names = rule.split(" + ")
    runs = []
    for _ in range(2):
        settings = config(run_root, capture={"keep": names, "chunk_bytes": 200})
        with Recorder(settings, slot=0) as recorder:
            for number in range(2):
                program(recorder)(jax.random.key(number))
        assert recorder.health().losses == {}
        runs.append(read(recorder))
    assert told(runs[0]) == told(runs[1])
    rows = list(runs[0].episodes(sort="episode"))
    chosen = set().union(*(RULES[name](rows) for name in names))
    assert {index for index, row in enumerate(rows) if row.stored_steps} == chosen
    assert rule == "all" or 0 < len(chosen) < len(rows)


@pytest.fixture(scope="module")
def program() -> Callable[[Recorder], Callable[[jax.Array], Any]]:
    """A program that is compiled once for all recorders of slot 0."""
    compiled: list[Any] = []

    def of(recorder: Recorder) -> Any:
        if not compiled:
            compiled.append(jax.jit(lambda key: recorder.record_rollout(steps_of(key))))
        return compiled[0]

    return of
