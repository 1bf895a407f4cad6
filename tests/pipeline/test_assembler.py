"""Episodes assembled from chunks equal those of a slow reference, however the steps were cut."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from chunks import (
    ExpectedEpisode,
    Recording,
    assemble,
    assemble_slowly,
    flat_recording,
    layout_of,
    nameless,
    words_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxarc.config import CaptureConfig
from jaxarc.pipeline import Assembler
from jaxarc.records.layout import FLAG_ACTIVE, FLAG_SUCCESS, FLAG_TERMINATED
from jaxarc.records.steps import StepBlock
from jaxarc.records.table import EpisodeTable

many = settings(max_examples=40, deadline=None)


def summary(row: Any) -> tuple[object, ...]:
    """Return what ``ExpectedEpisode.summary`` returns."""

    def known(value: float) -> float | None:
        return None if math.isnan(value) else value

    return (
        row.member,
        row.env_id,
        row.start_step,
        row.end_step,
        row.total_steps,
        row.total_reward,
        row.success,
        row.ended,
        row.task,
        known(row.m_first),
        known(row.m_last),
        known(row.m_min),
        known(row.m_max),
    )


def by_first_tag(rows: EpisodeTable, steps: dict[int, list[StepBlock]]) -> dict[int, list[int]]:
    """Return the actions of every stored episode, by its first."""
    found = {}
    for row in rows:
        if row.stored_steps:
            tags = np.concatenate([words_of(block)[:, 0] for block in steps[row.uid]]).tolist()
            assert np.concatenate([b.steps for b in steps[row.uid]]).tolist() == list(range(row.total_steps))
            assert row.complete == (row.ended != "cut")
            found[tags[0]] = tags
    return found


shapes = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 25))
seeds = st.integers(0, 2**32 - 1)
cuts = st.lists(st.integers(1, 24), max_size=8)


@many
@given(shape=shapes, seed=seeds, borders=cuts, commits=st.sets(st.integers(0, 8)), data=st.data())
def test_episodes_equal_a_slow_reference(shape, seed, borders, commits, data):
    """Random flags, members, environments and fresh calls, cut and committed anywhere."""
    recording = Recording.random(np.random.default_rng(seed), *shape)
    selected = sorted(data.draw(st.sets(st.integers(0, shape[1] - 1), min_size=1)))
    expected = assemble_slowly(recording)
    rows, steps, assembler = assemble(recording, borders, selected, sorted(commits))

    assert sorted(map(summary, rows), key=repr) == sorted((e.summary() for e in expected), key=repr)
    stored = {e.tags[0]: e.tags for e in expected if e.env_id in selected}
    assert by_first_tag(rows, steps) == stored
    assert rows["episode"].tolist() == list(range(len(expected)))
    assert len(set(rows["uid"].tolist())) == len(expected)
    assert assembler.counts.env_steps == int((recording.flags & FLAG_ACTIVE != 0).sum())
    assert assembler.counts.episodes == len(expected)
    assert assembler.counts.steps_lost == 0


@many
@given(seed=seeds, borders=cuts, commits=st.sets(st.integers(0, 8)), assembler_bytes=st.integers(1, 400))
def test_spilling_changes_nothing_in_what_is_stored(seed, borders, commits, assembler_bytes):
    """Steps that go to disk before their episode ends are the same steps, stored once."""
    recording = Recording.random(np.random.default_rng(seed), 2, 3, 25)
    whole, whole_steps, _ = assemble(recording, [], [0, 1, 2])
    rows, steps, assembler = assemble(
        recording, borders, [0, 1, 2], sorted(commits), assembler_bytes=assembler_bytes, chunk_bytes=1
    )
    assert by_first_tag(rows, steps) == by_first_tag(whole, whole_steps)
    assert sum(len(block) for blocks in steps.values() for block in blocks) == assembler.counts.stored_steps
    assert assembler.open_bytes == 0


@many
@given(seed=seeds, borders=cuts)
def test_rows_of_minimal_equal_those_of_verbose(seed, borders):
    """The level decides on steps, never on rows."""
    recording = Recording.random(np.random.default_rng(seed), 2, 3, 25)
    verbose, _, _ = assemble(recording, borders, [0])
    recording.layout = layout_of("scalars")
    minimal, steps, _ = assemble(recording, borders, [0], level="minimal")
    assert sorted(map(summary, minimal), key=repr) == sorted(map(summary, verbose), key=repr)
    assert not steps
    assert not minimal["stored_steps"].any()
    assert not minimal["complete"].any()


def test_a_fresh_call_cuts_a_lane_that_is_inactive_in_it():
    """An episode that is open when the program is called again ends, though its lane waits a while."""
    recording = flat_recording(np.zeros((2, 6)))
    recording.flags[0, 0, 2:4] = 0
    recording.continues[0, 2] = False
    rows, _, _ = assemble(recording, [4], [0, 1])
    lanes = [(row.env_id, row.total_steps, row.ended) for row in rows]
    assert sorted(lanes) == [(0, 2, "cut"), (0, 2, "cut"), (1, 2, "cut"), (1, 4, "cut")]


def test_labels_are_named_and_update_is_that_of_the_last_step():
    """``names`` fills ``<label>_id``; an episode that crosses updates carries the one it ended in."""
    flags = np.zeros((1, 6))
    flags[0, 3] = FLAG_TERMINATED
    rows, _, _ = assemble(flat_recording(flags, task=np.full((1, 1, 6), 2, np.int32)), [2], [0])
    assert [row.task_id for row in rows] == ["task-2", "task-2"]
    assert [row.update for row in rows] == [2, 2]
    assert [(row.start_time, row.end_time) for row in rows] == [(0.0, 2.0), (2.0, 2.0)]


def test_a_program_that_changes_its_metrics_ends_what_is_open():
    """Rows of both column sets are there, and no episode mixes them."""
    first, second = flat_recording(np.zeros((1, 3))), flat_recording(np.zeros((1, 4)))
    scalars = first.layout.scalars
    second.layout = layout_of()
    renamed = tuple(
        f if f.role != "metrics" else type(f)("metrics", ("other",), f.dtype, ()) for f in scalars
    )
    second.layout = type(first.layout)(**{**vars_of(second.layout), "scalars": renamed})
    assembler = Assembler(CaptureConfig(level="verbose"), nameless)
    for recording in (first, second):
        for chunk in recording.chunks([], [0]):
            assembler.ingest(chunk)
    assembler.close_open()
    rows = list(assembler.take(early=False).episodes)
    assert [(row.total_steps, row.ended, row.start_step, row.end_step) for row in rows] == [
        (3, "cut", 0, 3),
        (4, "cut", 3, 7),
    ]
    assert rows[0].m_first == 0.0
    assert math.isnan(rows[0].other_first)
    assert rows[1].other_first == 0.0


def vars_of(layout: Any) -> dict[str, Any]:
    return {name: getattr(layout, name) for name in ("kind", "stream", "program", "given", "scalars", "rows")}


def test_more_environments_and_members_later_keep_what_is_open():
    """The table of lanes grows; episodes that are open go on in their own lane."""
    assembler = Assembler(CaptureConfig(level="verbose", envs=(0, 1)), nameless)
    small = flat_recording(np.zeros((2, 3)))
    large = flat_recording(np.zeros((5, 2)))
    for recording in (small, large):
        for chunk in recording.chunks([], [0, 1]):
            assembler.ingest(chunk)
    assembler.close_open()
    pending = assembler.take(early=False)
    assert sorted((row.env_id, row.total_steps) for row in pending.episodes) == [
        (0, 5),
        (1, 5),
        (2, 2),
        (3, 2),
        (4, 2),
    ]
    assert sorted(row.stored_steps for row in pending.episodes) == [0, 0, 0, 5, 5]


@pytest.mark.parametrize("when", [0, 1, 2])
def test_shed_steps_cost_their_episode_its_steps_and_never_its_row(when: int):
    """An episode that lost any of its steps stores none; its neighbours are whole."""
    flags = np.zeros((1, 12))
    flags[0, [3, 7, 11]] = FLAG_TERMINATED
    recording = flat_recording(flags)
    assembler = Assembler(CaptureConfig(level="verbose", envs=(0,)), nameless)
    for number, chunk in enumerate(recording.chunks([2, 4, 6, 8, 10], [0])):
        if number == 2 * when:
            assert chunk.shed_rows() > 0
        assembler.ingest(chunk)
    pending = assembler.take(early=False)
    rows = list(pending.episodes)
    assert [row.total_steps for row in rows] == [4, 4, 4]
    assert [row.stored_steps for row in rows] == [0 if n == when else 4 for n in range(3)]
    assert [row.complete for row in rows] == [n != when for n in range(3)]
    assert assembler.counts.steps_lost == 4
    assert assembler.counts.episodes_lost == 1


@pytest.mark.parametrize("journal", ["off", "selected"])
@pytest.mark.parametrize("when", [0, 1, 2])
def test_damaged_rows_cost_their_episode_its_steps_and_no_scalar(when: int, journal: str):
    """The rows of one chunk are cut short: it raises, and its episode has a row all the same."""
    flags = np.zeros((1, 12))
    flags[0, [3, 7, 11]] = FLAG_TERMINATED
    recording = flat_recording(flags)
    recording.layout = layout_of(journal=journal)
    assembler = Assembler(CaptureConfig(level="verbose", envs=(0,), journal=journal), nameless)
    for number, chunk in enumerate(recording.chunks([2, 4, 6, 8, 10], [0])):
        if number == 2 * when:
            assert chunk._words is not None
            chunk._words = chunk._words[:-1]
            with pytest.raises(ValueError, match="its rows are lost"):
                assembler.ingest(chunk)
        else:
            assembler.ingest(chunk)
    rows = list(assembler.take(early=False).episodes)
    assert [(row.total_steps, row.start_step, row.ended) for row in rows] == [
        (4, 4 * number, "terminated") for number in range(3)
    ]
    assert [row.stored_steps for row in rows] == [0 if n == when else 4 for n in range(3)]
    assert (assembler.counts.steps_lost, assembler.counts.episodes_lost) == (4, 1)
    assert assembler.open_bytes == 0


@pytest.mark.parametrize("keep", ["all", "success"])
def test_steps_that_no_rule_keeps_are_not_counted_as_stored(keep: str):
    """Though they had to go to disk before their episode ended."""
    flags = np.zeros((1, 12))
    flags[0, [5, 11]] = FLAG_TERMINATED
    flags[0, 10] = FLAG_SUCCESS
    config = CaptureConfig(level="verbose", envs=(0,), keep=[keep], assembler_bytes=1, chunk_bytes=1)
    assembler = Assembler(config, nameless)
    for chunk in flat_recording(flags).chunks([2, 4, 6, 8, 10], [0]):
        assembler.ingest(chunk)
    pending = assembler.take(early=False)
    assert sum(len(block) for block in pending.blocks) > 6
    stored = pending.episodes["stored_steps"]
    assert stored.tolist() == ([6, 6] if keep == "all" else [0, 6])
    assert assembler.counts.stored_steps == stored.sum()


@pytest.mark.parametrize(
    ("level", "program", "journal", "is_told"),
    [
        ("verbose", "steps", "off", True),
        ("minimal", "scalars", "selected", True),
        ("minimal", "scalars", "off", False),
        ("minimal", "scalars", "all", False),
        ("minimal", "steps", "off", False),
    ],
)
def test_environments_that_a_program_does_not_step_are_told_of_once(
    level: str, program: str, journal: str, is_told: bool, caplog: pytest.LogCaptureFixture
):
    """Where steps or a journal of selected environments were wanted, and none of them is there."""
    recording = flat_recording(np.zeros((1, 4)))
    recording.layout = layout_of(program, journal=journal)
    assembler = Assembler(CaptureConfig(level=level, envs=(3,), journal=journal), nameless)
    for chunk in recording.chunks([2], []):
        assembler.ingest(chunk)
    assembler.close_open()
    assert assembler.take(early=False).episodes["total_steps"].tolist() == [4]
    said = [record.message for record in caplog.records if "does not step" in record.message]
    assert len(said) == is_told
    assert not said or "it steps 1" in said[0]


def test_expected_episodes_are_not_all_alike():
    """The dice of these tests do throw every ending, or the tests above would prove little."""
    found: list[ExpectedEpisode] = []
    for seed in range(5):
        found += assemble_slowly(Recording.random(np.random.default_rng(seed), 2, 3, 25))
    assert {episode.ended for episode in found} == {"terminated", "truncated", "cut"}
    assert max(episode.total_steps for episode in found) > 5
