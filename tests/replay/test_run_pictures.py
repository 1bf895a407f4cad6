"""Episodes of a run side by side, step by step and over training, as pictures to look at and to save."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from painted_run import record_painted_run
from run_rows import make_rows, run_of_rows

import jaxarc
from jaxarc.errors import EpisodeNotFoundError, NotRecordedError, QueryError, RenderError
from jaxarc.replay import ReplaySystem
from jaxarc.replay.episode_choice import commonest_task, rows_of_task, rows_to_compare


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Episodes 0 and 2 of one task, 1 and 3 of another."""
    return record_painted_run(tmp_path_factory.mktemp("painted"), (3, 5, 2, 4))


def test_episodes_are_compared_by_number_name_and_loaded(
    painted: ReplaySystem, arc_run: ReplaySystem
) -> None:
    """Also those of another run."""
    picture = painted.compare(0, "episode_0001", arc_run.load_episode(3))
    assert picture.words == f"3 episodes of run {painted.name}: reward progression"
    assert "3 episodes" in picture.svg
    assert painted.compare(0, 1, theme="dark").svg != painted.compare(0, 1, theme="light").svg


@pytest.mark.parametrize("kind", ["outcome_by_task", "operations_used", "similarity_progression"])
def test_an_expression_chooses_what_is_compared(painted: ReplaySystem, kind: str) -> None:
    """With every kind of comparison."""
    assert painted.compare(where="success", kind=kind).words.startswith("2 episodes")
    assert painted.compare(kind=kind, limit=3).words.startswith("3 episodes")


def test_what_cannot_be_compared_is_said(painted: ReplaySystem) -> None:
    """No episode, a wrong expression, a wrong kind."""
    with pytest.raises(EpisodeNotFoundError, match="no episode where total_steps > 99"):
        painted.compare(where="total_steps > 99")
    with pytest.raises(QueryError):
        painted.compare(where="succes")
    with pytest.raises(RenderError, match="outcome_by_task"):
        painted.compare(0, kind="outcome_by_tsk")


def test_of_very_many_episodes_some_are_compared(tmp_path: Path) -> None:
    """Evenly spread; who gives a limit gets what that says, and an error beyond."""
    run = jaxarc.open(run_of_rows(tmp_path, make_rows(2500, stored_steps=np.zeros(2500, int))))
    rows = rows_to_compare(run)
    assert len(rows) == 1000
    assert (rows[0].episode, rows[-1].episode) == (0, 2499)
    assert len(rows_to_compare(run, limit=1500)) == 1500
    with pytest.raises(RenderError, match="at most 1,000 episodes, got 1,500"):
        run.compare(limit=1500)


def test_two_episodes_are_drawn_step_by_step(painted: ReplaySystem) -> None:
    """With what they are called."""
    picture = painted.alignment(0, 1)
    assert picture.words == "episode 0 and episode 1, step by step"
    assert "they part at step 2: another end" in picture.svg


def test_a_reel_is_of_the_commonest_task_unless_one_is_named(painted: ReplaySystem) -> None:
    """Of two tasks that were tried as often the first in the alphabet."""
    assert commonest_task(painted) == "task0"
    assert painted.reel().words == f"task task0 at 2 points of run {painted.name}, by episode"
    assert painted.reel("task1", by="end_step").words.endswith("by end_step")
    with pytest.raises(NotRecordedError, match="did you mean task"):
        painted.reel("tsk1")
    with pytest.raises(RenderError, match="total_reward"):
        painted.reel("task1", by="totalreward")


def test_the_episodes_of_a_task_are_found_whatever_it_is_called(tmp_path: Path) -> None:
    """Quotes and markup in a name are part of it; where no task has a name, what to do is said."""
    names = ["it's <b>", 'a "b" \\', "", "c"]
    run = jaxarc.open(run_of_rows(tmp_path, make_rows(4, task_id=names, stored_steps=np.zeros(4, int))))
    for number, name in enumerate(names):
        if name:
            assert rows_of_task(run, name)["episode"].tolist() == [number]
    assert len(rows_of_task(run, "c", "total_steps < 0")) == 0
    unnamed = jaxarc.open(
        run_of_rows(tmp_path, make_rows(2, task_id=["", ""], stored_steps=np.zeros(2, int)))
    )
    with pytest.raises(NotRecordedError, match="names its task; name tasks with"):
        rows_of_task(unnamed, "c")
    with pytest.raises(NotRecordedError, match="stored no steps"):
        commonest_task(unnamed)
