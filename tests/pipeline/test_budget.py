"""The budget: above its share, episodes that begin lose their steps, and nothing else is lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from chunks import Recording, assemble, assemble_slowly, flat_recording, nameless
from recording import config, light_body, read

from jaxarc import Recorder
from jaxarc.config import CaptureConfig
from jaxarc.pipeline import Assembler, Budget
from jaxarc.records.chunk import Chunk
from jaxarc.records.layout import FLAG_TERMINATED


class Clock:
    """Seconds that pass when they are told to, and seconds that recording took."""

    def __init__(self, now: float = 0.0, spent: float = 0.0):
        self.now = now
        self.spent = spent

    def budget(self, share: float | None) -> Budget:
        return Budget(share, lambda: self.spent, lambda: self.now)


def test_a_budget_is_a_share_of_the_time_since_it_was_opened(caplog: pytest.LogCaptureFixture):
    """Exceeded above it, and not at it; said once."""
    clock = Clock(now=100.0)
    budget = clock.budget(0.1)
    clock.now, clock.spent = 110.0, 1.0
    assert not budget.is_exceeded()
    clock.spent = 1.01
    assert budget.is_exceeded()
    clock.now = 120.0
    assert not budget.is_exceeded()
    clock.spent = 3.0
    assert budget.is_exceeded()
    assert [record.message.count("capture.budget=0.1") for record in caplog.records] == [1]


def test_without_a_share_there_is_no_limit():
    """And the clock is not looked at."""
    assert not Clock(spent=1e9).budget(None).is_exceeded()


def three_episodes() -> Recording:
    flags = np.zeros((1, 12))
    flags[0, [3, 7, 11]] = FLAG_TERMINATED
    return flat_recording(flags)


@pytest.mark.parametrize(
    ("exceeded_in", "lost"), [([0], [0]), ([1], []), ([2], [1]), ([0, 2, 4], [0, 1, 2]), ([], [])]
)
def test_episodes_that_begin_above_the_budget_lose_their_steps(
    exceeded_in: Sequence[int], lost: Sequence[int]
):
    """Whole episodes: one that began before is stored whole; every row is there."""
    clock = Clock()
    assembler = Assembler(CaptureConfig(level="verbose", envs=(0,)), nameless, clock.budget(0.5))
    for number, chunk in enumerate(three_episodes().chunks([2, 4, 6, 8, 10], [0])):
        clock.now += 1.0
        clock.spent = clock.now if number in exceeded_in else 0.0
        assembler.ingest(chunk)
    pending = assembler.take(early=False)
    assert [row.stored_steps for row in pending.episodes] == [0 if n in lost else 4 for n in range(3)]
    assert assembler.counts.budget_episodes == assembler.counts.episodes_lost == len(lost)
    assert assembler.counts.budget_steps == assembler.counts.steps_lost == 4 * len(lost)


def test_rows_that_the_budget_sheds_are_never_cut_up(monkeypatch: pytest.MonkeyPatch):
    """Shedding saves the work, not only the room."""

    def refuse(_: Chunk) -> Any:
        raise AssertionError("the rows were cut up")

    monkeypatch.setattr(Chunk, "groups", property(refuse))
    monkeypatch.setattr(Chunk, "keyframes", property(refuse))
    clock = Clock(now=1.0)
    budget = clock.budget(0.01)
    clock.spent = 1.0
    rows, steps, assembler = assemble(three_episodes(), [2, 4, 6, 8, 10], [0], budget=budget)
    assert len(rows) == 3
    assert not steps
    assert assembler.counts.budget_steps == 12


def test_rows_above_the_budget_equal_those_below_it():
    """What is shed are steps: episodes, rewards and metrics are those of a slow reference."""
    recording = Recording.random(np.random.default_rng(3), 2, 3, 25)
    clock = Clock()
    budget = clock.budget(0.5)
    clock.now, clock.spent = 1.0, 1.0
    rows, steps, assembler = assemble(recording, [4, 9, 17], [0, 1], budget=budget)
    expected = assemble_slowly(recording)
    assert sorted((r.member, r.env_id, r.start_step, r.total_reward) for r in rows) == sorted(
        (e.member, e.env_id, e.start_step, e.total_reward) for e in expected
    )
    assert not steps
    assert assembler.counts.budget_episodes == sum(e.env_id in (0, 1) for e in expected)
    assert assembler.counts.budget_steps == sum(e.total_steps for e in expected if e.env_id in (0, 1))


def test_a_recorder_says_what_its_budget_shed(run_root: Path):
    """A share that nothing fits in: rows of every episode, steps of none, and counts of both."""
    with Recorder(config(run_root, capture={"budget": 1e-12})) as recorder:
        recorder.scan(light_body, jnp.arange(3), None, 12)
    health = recorder.health()
    assert health.shed_by_budget_episodes == health.dropped_episodes == health.episodes > 0
    assert health.shed_by_budget_steps == health.dropped_steps == 36
    assert health.stored_steps == 0
    rows = read(recorder).episodes()
    assert sum(row.total_steps for row in rows) == 36
    assert not rows["stored_steps"].any()
