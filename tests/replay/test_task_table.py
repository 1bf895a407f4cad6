"""Tasks are counted as a plain loop over the rows counts them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_rows import make_rows, run_of_rows

import jaxarc
from jaxarc.records.table import EpisodeTable
from jaxarc.replay import QueryError, ReplaySystem
from jaxarc.replay.row_slabs import row_slabs
from jaxarc.replay.task_counts import TaskCounter

_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["", "a", "b", "long name of a task"]),
        st.sampled_from(["terminated", "truncated", "cut", "running"]),
        st.booleans(),
        st.sampled_from([-1.5, 0.0, 2.0, float("nan"), float("inf")]),
        st.integers(0, 3),
        st.integers(0, 2),
    ),
    max_size=30,
)


def _table(rows: list[tuple[Any, ...]]) -> EpisodeTable:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    return make_rows(
        len(rows),
        task_id=list(columns[0]),
        ended=list(columns[1]),
        success=np.array(columns[2], bool),
        total_reward=np.array(columns[3], float),
        end_time=np.array(columns[4], float),
        stored_steps=np.array(columns[5], np.int64),
    )


def _counted(table: EpisodeTable) -> dict[str, dict[str, Any]]:
    """Count as slowly and as plainly as can be."""
    found: dict[str, dict[str, Any]] = {}
    for position, row in enumerate(table):
        if not row.task_id:
            continue
        task = found.setdefault(
            row.task_id,
            {"attempts": 0, "ended": 0, "solved": 0, "stored": 0, "best_return": -np.inf}
            | {"first_solved": -1, "solved_time": np.inf, "last": -1, "last_time": -np.inf},
        )
        task["attempts"] += 1
        task["stored"] += row.stored_steps > 0
        if row.end_time >= task["last_time"]:
            task["last"], task["last_time"] = position, row.end_time
        if row.ended in ("cut", "running"):
            continue
        task["ended"] += 1
        task["solved"] += row.success
        if np.isfinite(row.total_reward):
            task["best_return"] = max(task["best_return"], row.total_reward)
        if row.success and row.end_time < task["solved_time"]:
            task["first_solved"], task["solved_time"] = position, row.end_time
    return found


@given(rows=_ROWS, at_once=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_tasks_are_counted_as_a_plain_loop_counts_them(rows: list[tuple[Any, ...]], at_once: int) -> None:
    """Whatever the rows, and however they are cut into slabs."""
    table = _table(rows)
    counter = TaskCounter()
    for slab in row_slabs(table, list(table.columns), at_once=at_once):
        counter.add(slab)
    expected = _counted(table)
    assert [name.decode() for name in counter.names.tolist()] == sorted(expected)
    for at, name in enumerate(counter.names.tolist()):
        said = {key: counter.columns[key][at] for key in expected[name.decode()]}
        assert said == expected[name.decode()]
    assert counter.num_unnamed == sum(row[0] == "" for row in rows)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Four tasks, of which one is never solved, one only cut, and two episodes that name none."""
    rows = make_rows(
        12,
        task_id=["a", "b", "a", "b", "a", "b", "a", "b", "c", "d", "", ""],
        success=np.array([0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 0], bool),
        ended=["terminated"] * 8 + ["cut", "terminated", "terminated", "cut"],
        update=np.arange(12) // 4,
        stored_steps=np.zeros(12, np.int64),
        stream=["train"] * 10 + ["eval"] * 2,
    )
    return jaxarc.open(run_of_rows(tmp_path_factory.mktemp("tasks"), rows))


def test_a_row_a_task_says_what_became_of_it(run: ReplaySystem) -> None:
    """Attempts, successes and the first success; what was only cut is no failure."""
    tasks = run.tasks()
    assert tasks.text("task_id") == ["a", "b", "c", "d"]
    assert tasks["attempts"].tolist() == [4, 4, 1, 1]
    assert tasks["ended"].tolist() == [4, 4, 0, 1]
    assert tasks["solved"].tolist() == [2, 0, 0, 1]
    np.testing.assert_array_equal(tasks["success_rate"], [0.5, 0.0, np.nan, 1.0])
    assert tasks["first_solved_episode"].tolist() == [2, -1, -1, 9]
    assert tasks["first_solved_update"].tolist() == [0, -1, -1, 2]
    second, ninth = (run.load_episode(number).end_step for number in (2, 9))
    assert tasks["first_solved_step"].tolist() == [second, -1, -1, ninth]
    assert tasks["last_episode"].tolist() == [6, 7, 8, 9]
    assert np.isnan(tasks["best_return"][2]), "a cut episode has no return of its own"
    assert "first_solved_writer" not in tasks, "one process wrote the run"


def test_episodes_without_a_task_are_told_in_words(run: ReplaySystem) -> None:
    """They are in no row, and what to do about it is said."""
    assert run.tasks().words.startswith("4 tasks; 2 episodes name no task: name tasks with Step(labels=")
    assert run.tasks("stream == 'train'").words == "4 tasks"
    assert run.tasks("task_id == 'a'").words == "1 task"


def test_tasks_are_chosen_and_sorted_by_their_own_columns(run: ReplaySystem) -> None:
    """`where` is over the episodes, `having` and `sort` over the tasks; wrong names are answered."""
    assert run.tasks(having="solved == 0", sort="-attempts").text("task_id") == ["b", "c"]
    assert run.tasks(sort="-success_rate,task_id").text("task_id") == ["d", "a", "b", "c"]
    assert run.tasks(where="update == 0").text("task_id") == ["a", "b"]
    with pytest.raises(QueryError, match="success_rate"):
        run.tasks(having="succes_rate > 0")


def test_where_nobody_says_success_there_are_no_failures(tmp_path: Path) -> None:
    """Of a stream in which nothing succeeded and nothing is stored it is not known whether tasks failed."""
    rows = make_rows(4, success=np.zeros(4, bool), stored_steps=np.zeros(4, np.int64))
    tasks = jaxarc.open(run_of_rows(tmp_path, rows)).tasks()
    assert tasks["solved"].tolist() == [-1, -1]
    assert np.isnan(tasks["success_rate"]).all()


def test_a_recorded_run_counts_its_tasks(arc_run: ReplaySystem) -> None:
    """The best similarity is there where that metric is, and stored episodes say whether success is known."""
    tasks, episodes = arc_run.tasks(), arc_run.episodes()
    assert tasks["attempts"].sum() == len(episodes)
    assert tasks["stored"].sum() == len(episodes)
    for row in tasks:
        of_task = episodes.take(episodes["task_id"] == row.task_id.encode())
        assert row.best_similarity == of_task["similarity_max"].max()
        assert row.solved == of_task["success"].sum() >= 0


def test_a_run_without_episodes_has_no_tasks(tmp_path: Path) -> None:
    """Nothing is nothing, with all its columns."""
    tasks = jaxarc.open(run_of_rows(tmp_path, make_rows(0))).tasks(sort="task_id", having="solved > 0")
    assert len(tasks) == 0
    assert "first_solved_step" in tasks


def test_tasks_show_themselves_and_turn_into_other_tables(tmp_path: Path):
    """As text, in a notebook, and as plain rows, like every table of a run."""
    rows = make_rows(3, task_id=["a", "b", "a"], success=np.array([True, False, False]))
    tasks = ReplaySystem(run_of_rows(tmp_path, rows)).tasks(sort="-attempts")
    assert [line.split()[:2] for line in repr(tasks).splitlines()[1:4]] == [
        ["task_id", "attempts"],
        ["a", "2"],
        ["b", "1"],
    ]
    assert "<td" in tasks._repr_html_()
    assert [(task["task_id"], task["attempts"]) for task in tasks.to_dicts()] == [("a", 2), ("b", 1)]
