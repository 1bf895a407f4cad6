"""What is stored of an episode: journal, keyframes, key steps, windows; the same whenever a commit comes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
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

from jaxarc.config import KEEP_RULES, CaptureConfig
from jaxarc.pipeline import Assembler
from jaxarc.records.layout import FLAG_ACTIVE, FLAG_MARK, FLAG_SUCCESS, FLAG_TERMINATED

many = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
cuts = st.lists(st.integers(1, 24), max_size=6)
commits = st.sets(st.integers(0, 6))
levels = st.sampled_from(["minimal", "standard", "verbose"])
journals = st.sampled_from(["off", "selected", "all"])
rules = st.sampled_from([f"{rule}:2" if rule.endswith("_n") else rule for rule in KEEP_RULES])
SELECTED = [0, 2]

Stored = dict[tuple[Any, ...], dict[str, dict[int, tuple[int, ...]]]]


def record(seed: int, level: str, journal: str, *, observed: bool = False) -> Recording:
    """Throw dice for two members and three environments, 25 steps."""
    recording = Recording.random(np.random.default_rng(seed), 2, 3, 25)
    program = "scalars" if level == "minimal" else "steps"
    recording.layout = layout_of(program, journal=journal, next_observation=observed)
    return recording


def stored_of(recording: Recording, borders: Sequence[int], **options: Any) -> tuple[Stored, list[Any]]:
    """Assemble; return for each row that has stored steps the words of every step, by kind, and all rows."""
    selected = [env for env in SELECTED if env < recording.flags.shape[1]]
    table, blocks, _ = assemble(recording, borders, selected, **options)
    found: Stored = {}
    rows = list(table)
    for row in rows:
        if not row.stored_steps:
            continue
        kinds: dict[str, dict[int, tuple[int, ...]]] = defaultdict(dict)
        for block in blocks[row.uid]:
            kind = kinds[block.layout.kind]
            for step, words in zip(block.steps.tolist(), words_of(block).tolist(), strict=True):
                assert step not in kind, "no step is stored twice"
                kind[step] = tuple(words)
        found[identity(row)] = dict(kinds)
        assert len(kinds["steps"].keys() | kinds["journal"].keys()) == row.stored_steps
        assert row.complete == (row.stored_steps == row.total_steps and row.ended != "cut")
    return found, rows


def identity(episode: Any) -> tuple[int, int, int, int]:
    return episode.member, episode.env_id, episode.start_step, episode.total_steps


def hashed(tag: int) -> int:
    return tag ^ 0x5A5A


@many
@given(seed=seeds, borders=cuts, commits=commits, level=levels, journal=st.sampled_from(["selected", "all"]))
def test_a_journal_holds_every_step_of_its_environments(seed, borders, commits, level, journal):
    """Whatever the level, an episode of a journalled environment can be simulated again."""
    recording = record(seed, level, journal)
    stored, rows = stored_of(
        recording, borders, commits=sorted(commits), level=level, journal=journal, key_steps=2
    )
    for episode in assemble_slowly(recording):
        kinds = stored.pop(identity(episode), {})
        selected = episode.env_id in SELECTED
        if not selected and journal == "selected":
            assert not kinds
            continue
        kind = "steps" if selected and level == "verbose" else "journal"
        expected = {step: (tag, hashed(tag)) for step, tag in enumerate(episode.tags)}
        assert kinds[kind] == expected
        keyframes = kinds["keyframes"]
        assert 0 in keyframes
        assert all(words == (episode.tags[step] * 7,) for step, words in keyframes.items())
        wanted = {s for s, tag in enumerate(episode.tags) if tag % recording.flags.shape[2] % 4 == 0}
        assert wanted <= keyframes.keys()
        if selected and level == "standard":
            assert {0, len(episode.tags) - 1} == kinds["steps"].keys()
            assert all(expected[step] == words for step, words in kinds["steps"].items())
        else:
            assert kinds.keys() == {kind, "keyframes"}
    assert not stored
    assert any(row.complete for row in rows) or not any(e.ended != "cut" for e in assemble_slowly(recording))


def test_a_journal_that_nobody_asked_for_is_not_stored():
    """A program that was traced with a journal sends it on; a recorder without one takes the steps alone."""
    recording = record(0, "verbose", "all")
    stored, _ = stored_of(recording, [5, 10], level="verbose")
    assert stored
    assert all(kinds.keys() == {"steps"} for kinds in stored.values())
    assert {member_env[1] for member_env in stored} == set(SELECTED)


@many
@given(
    seed=seeds,
    borders=cuts,
    commits=commits,
    level=levels,
    journal=journals,
    rule=rules,
    window=st.integers(0, 5),
)
def test_what_is_stored_does_not_depend_on_when_a_commit_comes(
    seed, borders, commits, level, journal, rule, window
):
    """The same chunks give the same steps of the same episodes, for every rule."""
    recording = record(seed, level, journal, observed=seed % 2 == 0)
    options = {"level": level, "journal": journal, "keep": [rule], "window": window, "key_steps": 3}
    alone, _ = stored_of(recording, borders, **options)
    among, _ = stored_of(recording, borders, commits=sorted(commits), **options)
    assert among == alone


@many
@given(seed=seeds, borders=cuts, commits=commits, level=levels, journal=journals, window=st.integers(0, 5))
def test_what_is_stored_does_not_depend_on_memory(seed, borders, commits, level, journal, window):
    """Episodes that give up or spill what they hold end with the steps they would have had."""
    recording = record(seed, level, journal, observed=seed % 2 == 0)
    options = {"level": level, "journal": journal, "window": window, "key_steps": 2, "chunk_bytes": 1}
    roomy, _ = stored_of(recording, [], **options)
    tight, _ = stored_of(recording, borders, commits=sorted(commits), assembler_bytes=1, **options)
    assert tight == roomy


def window_of(episode: ExpectedEpisode, flags: np.ndarray, size: int) -> set[int]:
    """Return, one step at a time, the steps that a mark at most ``size`` steps later asks for."""
    steps = flags.shape[2]
    marks = [
        s for s, tag in enumerate(episode.tags) if flags.reshape(-1, steps)[divmod(tag, steps)] & FLAG_MARK
    ]
    return {step for step in range(episode.total_steps) for mark in marks if 0 <= mark - step <= size}


@many
@given(seed=seeds, borders=cuts, commits=commits, level=levels, size=st.integers(1, 6))
def test_a_window_equals_a_slow_reference(seed, borders, commits, level, size):
    """Episodes that no rule keeps store it alone, those that are kept beside what they store anyway."""
    recording = record(seed, level, "off")
    options = {"level": level, "keep": ["success"], "key_steps": 2, "commits": sorted(commits)}
    stored, rows = stored_of(recording, borders, window=size, **options)
    without, _ = stored_of(recording, borders, **options)
    by_identity = {identity(row): row for row in rows}
    for episode in assemble_slowly(recording):
        kinds = stored.get(identity(episode), {})
        asked = window_of(episode, recording.flags, size)
        if episode.env_id not in SELECTED or level == "minimal":
            assert not kinds
            continue
        usual = without.get(identity(episode), {}).get("steps", {})
        assert kinds.get("steps", {}).keys() == usual.keys() | asked
        row = by_identity[identity(episode)]
        assert row.stored_steps == len(usual.keys() | asked)
        assert not row.complete or row.stored_steps == row.total_steps


def test_a_window_of_nought_stores_no_marked_step():
    """The key is off by default."""
    flags = np.zeros((1, 9))
    flags[0, 4] = FLAG_MARK
    options = {"level": "verbose", "keep": ["success"]}
    assert not stored_of(flat_recording(flags), [3], **options)[0]
    (kinds,) = stored_of(flat_recording(flags), [3], window=2, **options)[0].values()
    assert list(kinds["steps"]) == [2, 3, 4]


def long_episode(steps: int, marks: Sequence[int] = ()) -> Recording:
    """One episode in which the reward moves at every step."""
    flags = np.full((1, steps), FLAG_ACTIVE)
    flags[0, -1] |= FLAG_TERMINATED | FLAG_SUCCESS
    flags[0, list(marks)] |= FLAG_MARK
    reward = np.arange(steps, dtype=np.float32)[None, None]
    return flat_recording(flags, reward=reward)


@pytest.mark.parametrize("steps", [5, 16, 17, 40, 70, 200, 1000])
@pytest.mark.parametrize("assembler_bytes", [1, 10**9])
def test_key_steps_fill_the_room_they_have_evenly(steps: int, assembler_bytes: int):
    """However long the episode and however little of it could stay in memory."""
    options = {"level": "standard", "key_steps": 16, "assembler_bytes": assembler_bytes, "chunk_bytes": 1}
    (kinds,) = stored_of(long_episode(steps), range(0, steps, 7), **options)[0].values()
    chosen = list(kinds["steps"])
    assert len(chosen) == min(steps, 16)
    assert (chosen[0], chosen[-1]) == (0, steps - 1)
    assert max(np.diff(chosen)) <= 2.5 * steps / 16 + 1


@pytest.mark.parametrize(("steps", "marked"), [(400, 3), (4000, 3), (4000, 10_000)])
def test_memory_for_an_episode_at_standard_is_bounded(steps: int, marked: int):
    """An episode of any length holds a few times ``key_steps`` rows when memory is short."""
    recording = long_episode(steps, marks=range(1, steps, marked))
    config = CaptureConfig(level="standard", envs=(0,), assembler_bytes=1, chunk_bytes=1, key_steps=4)
    assembler = Assembler(config, nameless)
    row_bytes = 4 * (recording.layout.num_scalar_words + recording.layout.num_words)
    for chunk in recording.chunks(range(0, steps, 20), [0]):
        assembler.ingest(chunk)
        assert assembler.open_bytes <= (2 * 4 * config.key_steps + 2) * row_bytes
        notes_and_runs = 8 * (4 + 4 + 2)
        assert assembler.held_bytes <= 4_000 + (2 * 4 * config.key_steps + 2) * (row_bytes + notes_and_runs)
    assert assembler.take(early=False).episodes["stored_steps"].tolist() == [4]


def test_marks_are_chosen_before_steps_of_interest():
    """Where there is room for some only."""
    recording = long_episode(60, marks=[10, 20, 30])
    (kinds,) = stored_of(recording, [], level="standard", key_steps=6)[0].values()
    assert {0, 10, 20, 30, 59} < kinds["steps"].keys()
    assert len(kinds["steps"]) == 6
