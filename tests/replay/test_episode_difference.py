"""Two episodes are compared in plain sentences: where they part, how, and what cannot be known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from painted_run import record_painted_run
from remembered import counting_episode, episode_of, journal_of, remember

from jaxarc.errors import EpisodeNotFoundError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.table import EpisodeRow
from jaxarc.rendering.text import TIMES
from jaxarc.replay import ReplaySystem
from jaxarc.replay.episode_difference import EpisodeDifference, difference_between


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Episodes 0 and 2 of one task, 1 and 3 of another; all paint the same cells."""
    return record_painted_run(tmp_path_factory.mktemp("painted"), (3, 5, 2, 9))


def of(step_numbers: object, ended: str = "truncated", **changes: object) -> EpisodeData:
    """An episode that ended in a certain way."""
    episode = counting_episode(step_numbers, **changes)
    episode.row = EpisodeRow({**episode.row, "ended": ended})
    return episode


def without_actions(observation: list[float]) -> EpisodeData:
    """An episode of which only observations are known."""
    steps = np.arange(len(observation))
    return episode_of(len(steps), remember("steps", steps, {"observation": np.array(observation)}))


def only_a_row(**changes: object) -> EpisodeData:
    """An episode of which nothing is stored."""
    return EpisodeData(EpisodeRow({**counting_episode(3).row, "stored_steps": 0, **changes}), [])


@pytest.mark.parametrize(
    ("kind", "step", "words", "pair"),
    [
        ("same", None, "same in everything", (of(9), of(9))),
        ("start", 0, "start differently", (of(9), of(9, observation={0: 4}))),
        ("action", 4, "another action on the same observation", (of(9), of(9, action={4: 5, 6: 0}))),
        (
            "outcome",
            3,
            "the same action on the same observation led elsewhere",
            (of(9), of(9, observation={4: 5})),
        ),
        ("reward", 4, "and another reward", (of(9), of(9, reward={4: 1}))),
        ("length", None, "episode 7 was cut", (of(9), of(5, "cut"))),
        ("length", None, "episode 7 is still running", (of(9), of(5, "running"))),
        ("unseen", 3, "between steps 3 and 6", (of(9), of([0, 3, 6, 8], observation={6: 1}))),
        ("before", 3, "the first that both stored", (of(9), of([3, 8], observation={3: 1}))),
        (
            "observation",
            1,
            "Actions were not recorded",
            (without_actions([1, 2, 3]), without_actions([1, 2, 4])),
        ),
        ("rows", None, "they are not the same", (only_a_row(), only_a_row(total_reward=2.0))),
        ("unknown", None, "their rows are alike", (only_a_row(), only_a_row())),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_how_two_episodes_part_is_said(
    kind: str, step: int | None, words: str, pair: tuple[EpisodeData, EpisodeData]
) -> None:
    """Every way to part has a name, a step and a sentence."""
    found = difference_between(*pair)
    assert (found.kind, found.step) == (kind, step)
    assert words in found.words
    assert bool(found) == (kind != "same")
    assert str(found).startswith("episode 7 and episode 7\n")


def test_what_differs_is_named_with_its_cells_and_values(painted: ReplaySystem) -> None:
    """One ends where the other goes on; recorded values are shown."""
    found = painted.diff(1, 3)
    assert (found.kind, found.step, found.same_start) == ("end", 4, True)
    assert found.words == "They part at step 4: episode 1 ends there, episode 3 does not."
    assert [leaf.name for leaf in found.leaves] == ["terminated"]
    changed = difference_between(of(9), of(9, action={4: 5}))
    assert "action: 4 and 5" in str(changed)


def test_cells_of_boards_are_counted() -> None:
    """The first that differs has its place and its values."""
    boards = np.zeros((4, 3, 3), np.int8)
    others = boards.copy()
    others[2:, 1, 2], others[2:, 2, 0] = 7, 5
    a, b = (
        episode_of(4, remember("steps", range(4), {"observation": {"board": each}, "action": np.arange(4)}))
        for each in (boards, others)
    )
    found = difference_between(a, b)
    assert (found.kind, found.step) == ("outcome", 1)
    assert "observation.board: 2 of 9 entries differ, the first at [1, 2]: 0 and 7" in str(found)


def test_episodes_of_other_tasks_and_runs_are_said_to_be_of_others(
    painted: ReplaySystem, arc_run: ReplaySystem
) -> None:
    """Names carry their run where there are two; an episode of another run has to be loaded."""
    assert "other tasks: episode 0 of task task0, episode 1 of task task1" in str(painted.diff(0, 1))
    found = painted.diff(0, arc_run.load_episode(0))
    assert (found.a, found.b) == (f"{painted.name}:0", f"{arc_run.name}:0")
    assert f"4 {TIMES} 4 and 30 {TIMES} 30" in str(found)
    with pytest.raises(EpisodeNotFoundError):
        painted.diff(0, 99)


def test_another_pair_of_one_task_is_another_start(arc_run: ReplaySystem) -> None:
    """The label that says so is shown."""
    rows = [row for row in arc_run.episodes("ended == 'terminated'") if row.task_id == "25d8a9c8"]
    other = next(row for row in rows if row["pair"] != rows[0]["pair"])
    found = arc_run.diff(rows[0], other)
    assert found.kind == "start"
    assert found.rows["pair"] == (rows[0]["pair"], other["pair"])


def test_what_is_not_stored_is_said_to_be_unknown() -> None:
    """Steps, observations and actions that are missing each have a sentence."""
    found = difference_between(of(9), of([0, 8]))
    assert found.kind == "same"
    assert "Of episode 7 2 steps of 9 are stored." in found.unknown
    states = np.arange(5.0)
    journal = episode_of(5, journal_of(states, np.zeros(5, np.int32)))
    other = episode_of(5, journal_of(states + (states > 2), np.zeros(5, np.int32)))
    said = difference_between(journal, other)
    assert said.kind == "outcome"
    assert "the same action in the same state" in said.words
    assert any("compared by their hashes" in sentence for sentence in said.unknown)
    assert "No step of episode 7 is stored." in difference_between(of(9), only_a_row()).unknown


def test_a_difference_shows_itself_in_a_notebook_with_its_picture(painted: ReplaySystem) -> None:
    """Sentences, what differs, and both episodes step by step; without observations no picture."""
    html = painted.diff(1, 3)._repr_html_()
    assert "They part at step 4" in html
    assert "data:image/svg+xml" in html
    assert "step by step" in painted.diff(1, 3).picture().words
    assert "<img" not in difference_between(only_a_row(), only_a_row())._repr_html_()
    hostile = EpisodeRow({**only_a_row().row, "task_id": "<script>alert(1)</script>"})
    assert "<script>" not in difference_between(EpisodeData(hostile, []), only_a_row())._repr_html_()


def test_a_difference_is_plain_json(painted: ReplaySystem) -> None:
    """Keys are stable, and values are the recorded ones."""
    said = json.loads(json.dumps(painted.diff(1, 3).to_dict()))
    assert said["kind"] == "end"
    assert said["leaves"] == [{"name": "terminated", "index": [], "num_cells": 1, "a": True, "b": False}]
    assert set(said) == {
        *("a", "b", "kind", "step", "leaves", "compared", "total_steps", "tasks", "same_start", "rows"),
        *("unknown", "words"),
    }


def test_an_alignment_says_the_same_as_the_difference(painted: ReplaySystem) -> None:
    """One place decides where two episodes part."""
    found = difference_between(of(9), of(9, observation={4: 5}))
    assert isinstance(found, EpisodeDifference)
    assert "they part at step 3: another outcome" in found.picture().svg


def test_reports_of_the_difference_are_saved(painted: ReplaySystem, tmp_path: Path) -> None:
    """The picture of the difference is a Picture."""
    assert painted.diff(1, 3).picture().save(tmp_path / "diff.svg").exists()
