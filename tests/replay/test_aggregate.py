"""Members are aggregated over their tasks: which scores count, and what is said of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_rows import make_rows, run_of_rows

import jaxarc
from jaxarc.errors import NotRecordedError, QueryError, ReplayError
from jaxarc.replay import ReplaySystem
from jaxarc.replay.known_success import KnownSuccess
from jaxarc.replay.score_matrix import score_matrix


def _run(root: Path, count: int = 60, **changes: Any) -> ReplaySystem:
    number = np.arange(count)
    columns = {
        "member": (number % 3).astype(np.int32),
        "task_id": [f"task{n // 3 % 4}" for n in range(count)],
        "stored_steps": np.zeros(count, np.int64),
        **changes,
    }
    return jaxarc.open(run_of_rows(root, make_rows(count, **columns)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Three members, four tasks, sixty episodes."""
    return _run(tmp_path_factory.mktemp("members"))


def test_members_are_aggregated_over_their_tasks(run: ReplaySystem) -> None:
    """The number is that of the matrix of mean scores, and the interval holds it."""
    found = run.aggregate()
    rows = run.episodes()
    assert found.scores.shape == (3, 4)
    assert found.matrix.groups == ("member 0", "member 1", "member 2")
    chosen = (rows["member"] == 1) & (rows["task_id"] == b"task2")
    assert found.scores[1, 2] == pytest.approx(rows["total_reward"][chosen].mean())
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert str(found).startswith(f"interquartile mean of total_reward: {found.value:.6g} (0.95 interval: ")
    assert "Over 3 members, 4 tasks and 60 episodes." in str(found)
    assert found.value == run.aggregate(seed=5).value


@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["a", "b", ""]),
            st.sampled_from(["terminated", "cut"]),
            st.sampled_from([1.0, 2.5, float("nan")]),
        ),
        min_size=1,
        max_size=25,
    ),
    last=st.none() | st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_scores_are_those_of_a_plain_loop(rows: list[tuple[Any, ...]], last: int | None) -> None:
    """Means by member and task, of the last ones that ended."""
    members, tasks, ended, rewards = zip(*rows, strict=True)
    table = make_rows(
        len(rows),
        member=np.array(members, np.int32),
        task_id=list(tasks),
        ended=list(ended),
        total_reward=np.array(rewards),
    )
    found = score_matrix(table, "total_reward", "member", last, KnownSuccess())
    cells: dict[tuple[str, str], list[float]] = {}
    for member, task, how, reward in rows:
        if how != "cut" and reward == reward:
            cells.setdefault((f"member {member}", task), []).append(reward)
    assert set(found.groups) == {member for member, _ in cells}
    assert list(found.tasks) == sorted({task for _, task in cells})
    for i, group in enumerate(found.groups):
        for j, task in enumerate(found.tasks):
            values = cells.get((group, task), [])[-last:] if last else cells.get((group, task), [])
            assert found.episodes[i, j] == len(values)
            assert found.scores[i, j] == pytest.approx(np.mean(values) if values else np.nan, nan_ok=True)


def test_what_counts_can_be_chosen(run: ReplaySystem) -> None:
    """By expression, the last ones, other metrics and measures."""
    assert run.aggregate(where="task_id == 'task1'").scores.shape == (3, 1)
    assert run.aggregate(last=2).matrix.episodes.max() == 2
    assert 0 <= run.aggregate("success", of="mean").value <= 1
    rate = run.aggregate("success", of="mean").value
    assert run.aggregate("success", of="optimality_gap").value == pytest.approx(1 - rate)
    assert run.aggregate(by="member,env_id").matrix.groups[0] == "member 0 env_id 0"
    assert run.aggregate(by="episode").low is not None


def test_one_member_has_no_interval_and_says_so(tmp_path: Path) -> None:
    """And a run without episodes nothing to measure."""
    found = _run(tmp_path, member=np.zeros(60, np.int32)).aggregate()
    assert (found.low, found.high) == (None, None)
    assert "There is no interval over members: there is one member. Give by='episode'" in str(found)
    empty = _run(tmp_path, 0).aggregate()
    assert np.isnan(empty.value)
    assert "nothing to measure" in str(empty)
    assert "nothing to measure" in empty._repr_html_()


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    """Cut episodes, scores that are not finite, missing tasks, several streams, no tasks."""
    reward = np.ones(60)
    reward[4] = np.nan
    said = str(
        _run(
            tmp_path,
            total_reward=reward,
            ended=["cut"] * 2 + ["terminated"] * 58,
            stream=["train"] * 30 + ["eval"] * 30,
            task_id=["only member 0"] * 1 + [""] * 59,
        ).aggregate()
    )
    assert "2 episodes that are running or were cut: left out." in said
    assert "1 episode that have a score that is not finite: left out." in said
    assert "The streams eval, train are taken together; where chooses one." in said
    assert "The episodes name no task; they count as one." in said
    few = _run(tmp_path, 4, task_id=["a", "a", "a", "b"]).aggregate()
    assert "2 scores of 6 are missing" in str(few)


def test_wrong_options_are_answered(run: ReplaySystem, tmp_path: Path) -> None:
    """With the limit and the way out."""
    with pytest.raises(QueryError, match="did you mean total_reward"):
        run.aggregate("total_rewards")
    with pytest.raises(QueryError, match="holds text"):
        run.aggregate("task_id")
    with pytest.raises(QueryError, match="did you mean member"):
        run.aggregate(by="members")
    with pytest.raises(ReplayError, match="iqm, mean, median, optimality_gap, got 'best'"):
        run.aggregate(of="best")
    for options in ({"confidence": 1.0}, {"reps": 0}, {"last": 0}):
        with pytest.raises(ReplayError, match="must be"):
            run.aggregate(**options)
    unsaid = _run(tmp_path, success=np.zeros(60, bool))
    with pytest.raises(NotRecordedError, match="nobody says which episodes succeed"):
        unsaid.aggregate("success")


def test_an_aggregate_is_plain_json_and_a_table(run: ReplaySystem) -> None:
    """A row a member, and everything that is needed to make the number again."""
    found = run.aggregate(of="median")
    said = json.loads(json.dumps(found.to_dict()))
    assert said["groups"] == ["member 0", "member 1", "member 2"]
    assert (said["of"], len(said["scores"])) == ("median", 3)
    assert "<td>member 2</td>" in found._repr_html_()
