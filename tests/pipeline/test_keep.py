"""Which episodes are kept, and which of their steps."""

from __future__ import annotations

import numpy as np
import pytest
from chunks import Recording, rows_of
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.config import CaptureConfig, parse_keep_rule
from jaxarc.pipeline import Assembler
from jaxarc.pipeline.keep import Keeper
from jaxarc.records.layout import FLAG_ACTIVE, FLAG_MARK, FLAG_SUCCESS, FLAG_TERMINATED
from jaxarc.records.table import EpisodeRow

REWARDS = [1.0, 3.0, 2.0, 3.0, 0.0, 5.0, -1.0, 4.0]
SUCCESS = [False, True, False, True, False, True, False, False]
TASKS = [0, 0, 0, 1, 1, 0, 2, 2]


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        (["all"], range(8)),
        (["every_n:3"], [0, 3, 6]),
        (["capped_cubic"], [0, 1]),
        (["best_n:2"], [0, 1, 2, 3, 5, 7]),
        (["worst_n:1"], [0, 4, 6]),
        (["success"], [1, 3, 5]),
        (["failed"], [0, 2, 4, 6, 7]),
        (["first_success"], [1, 3]),
        (["first_success", "every_n:4"], [0, 1, 3, 4]),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) and isinstance(value[0], str) else "",
)
def test_each_rule_keeps_its_episodes(rules: list[str], kept: list[int]):
    """An episode is kept when any rule keeps it; every rule sees every episode."""
    keeper = Keeper([parse_keep_rule(rule) for rule in rules])
    answers = keeper.keep(np.array(REWARDS), np.array(SUCCESS), np.array(TASKS))
    assert answers.nonzero()[0].tolist() == list(kept)


@given(data=st.data(), rule=st.sampled_from(["every_n:3", "capped_cubic", "best_n:2", "first_success"]))
def test_episodes_are_kept_alike_however_many_end_together(data: st.DataObject, rule: str):
    """A rule that is told of eight episodes at once answers as if it were told of them one by one."""
    borders = sorted(data.draw(st.sets(st.integers(1, 7))))
    arrays = [np.array(REWARDS), np.array(SUCCESS), np.array(TASKS)]
    together = Keeper([parse_keep_rule(rule)]).keep(*arrays)
    keeper = Keeper([parse_keep_rule(rule)])
    parts = zip(*(np.split(array, borders) for array in arrays), strict=True)
    apart = [keeper.keep(*part) for part in parts]
    assert np.concatenate(apart).tolist() == together.tolist()


def test_capped_cubic_is_the_schedule_of_gymnasium():
    """Cubes up to 1000, then every thousandth."""
    keeper = Keeper([parse_keep_rule("capped_cubic")])
    kept = keeper.keep(np.zeros(3_001), np.zeros(3_001, bool), np.full(3_001, -1))
    assert kept.nonzero()[0].tolist() == [n**3 for n in range(10)] + [1000, 2000, 3000]


@given(rewards=st.lists(st.integers(-5, 5).map(float), max_size=40), n=st.integers(1, 4))
def test_the_best_of_all_are_among_those_kept(rewards: list[float], n: int):
    """Nothing that was kept is taken back, so the n best are always there."""
    keeper = Keeper([parse_keep_rule(f"best_n:{n}")])
    count = len(rewards)
    answers = keeper.keep(np.array(rewards, float), np.zeros(count, bool), np.full(count, -1))
    kept = [reward for reward, answer in zip(rewards, answers, strict=True) if answer]
    assert sorted(rewards, reverse=True)[:n] == sorted(kept, reverse=True)[:n]


def episodes_of_three(count: int, level: str, **capture: object) -> list[tuple[EpisodeRow, list[int]]]:
    """Record ``count`` episodes of six steps, reward 0 except a jump; return rows and stored steps."""
    steps = 6 * count
    flags = np.full((1, 1, steps), FLAG_ACTIVE, np.int32)
    flags[..., 5::6] |= FLAG_TERMINATED
    flags[0, 0, 11::12] |= FLAG_SUCCESS
    flags[0, 0, 3] |= FLAG_MARK
    reward = np.zeros((1, 1, steps), np.float32)
    reward[..., 2::6] = 1.0
    recording = Recording(
        flags,
        reward,
        np.zeros_like(reward),
        np.zeros((1, 1, steps), np.int32),
        np.ones((1, steps), bool),
    )
    assembler = Assembler(CaptureConfig(level=level, **capture), lambda _, v: [""] * len(v))  # type: ignore[arg-type]
    for chunk in recording.chunks(range(0, steps, 4), [0]):
        assembler.ingest(chunk)
    pending = assembler.take(early=False)
    found = []
    for row in pending.episodes:
        found.append((row, [step for block in pending.blocks for step in rows_of(block, row.uid)]))
    return found


def test_episodes_that_no_rule_keeps_have_rows_and_no_steps():
    """And those that are kept are whole."""
    found = episodes_of_three(4, "verbose", keep=["success"])
    assert [row.success for row, _ in found] == [False, True, False, True]
    assert [len(steps) for _, steps in found] == [0, 6, 0, 6]
    assert [row.stored_steps for row, _ in found] == [0, 6, 0, 6]
    assert [row.complete for row, _ in found] == [False, True, False, True]


def test_key_steps_are_first_last_moves_and_marks():
    """A jump of the reward makes two: up and down again."""
    found = episodes_of_three(2, "standard", key_delta=0.5)
    assert found[0][1] == [0, 2, 3, 5]
    assert found[1][1] == [0, 2, 3, 5]
    assert not any(row.complete for row, _ in found)


@pytest.mark.parametrize(("limit", "stored"), [(2, [0, 5]), (3, [0, 3, 5]), (4, [0, 2, 3, 5])])
def test_no_more_key_steps_than_asked_for(limit: int, stored: list[int]):
    """First and last always stay, then marks, then the others, thinned evenly."""
    assert episodes_of_three(1, "standard", key_steps=limit, key_delta=0.5)[0][1] == stored


def test_a_move_of_exactly_delta_is_none():
    """More than ``key_delta`` is needed."""
    assert episodes_of_three(2, "standard", key_delta=1.0)[1][1] == [0, 5]
