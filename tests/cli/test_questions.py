"""``jaxarc tasks``, ``explain``, ``diff`` and ``aggregate``: a run is asked in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import typed_in
from explained_run import NUMBERS, record_explained_run
from run_rows import make_rows, run_of_rows

from jaxarc.replay import ReplaySystem


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Episodes that each go wrong in a way of their own."""
    return record_explained_run(tmp_path_factory.mktemp("asked"))


def test_tasks_are_listed_chosen_and_sorted(run: ReplaySystem, tmp_path: Path) -> None:
    """A row a task; what is left out for want of room or by --limit is said."""
    done = typed_in(tmp_path, "tasks", run.run_dir, "--sort", "-attempts")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == [run.name, "·", "2", "tasks"]
    assert [line[0] for line in lines[2:]] == ["b", "a"]
    assert lines[2][1:5] == ["6", "5", "1", "20.0%"]
    assert "… and 1 more; --limit shows them" in typed_in(tmp_path, "tasks", run.run_dir, "--limit", 1).stdout
    few = typed_in(tmp_path, "tasks", run.run_dir, "--having", "attempts > 3")
    assert "1 task\n" in few.stdout
    wrong = typed_in(tmp_path, "tasks", run.run_dir, "--having", "attempt > 3")
    assert wrong.returncode == 2
    assert "did you mean attempts" in wrong.stderr


def test_tasks_of_a_run_that_never_says_success_are_no_failures(tmp_path: Path) -> None:
    """A question mark in place of a number."""
    rows = make_rows(4, success=np.zeros(4, bool), stored_steps=np.zeros(4, int))
    done = typed_in(tmp_path, "tasks", run_of_rows(tmp_path, rows))
    assert done.stdout.splitlines()[2].split()[:4] == ["task0", "2", "2", "?"]


def test_an_episode_and_several_are_explained(run: ReplaySystem, tmp_path: Path) -> None:
    """One with its findings, several as a table of causes with an example to go on with."""
    one = typed_in(tmp_path, "explain", run.run_dir, NUMBERS["right"])
    assert "• The board was right after step 0, and was never submitted." in one.stdout
    several = typed_in(tmp_path, "explain", run.run_dir, "--task", "b")
    assert f"task b of {run.name}: 6 episodes, 1 solved, 1 cut or running, 4 explained" in several.stdout
    assert f"jaxarc explain {run.name} 2 says more of one" in several.stdout
    both = typed_in(tmp_path, "explain", run.run_dir, 1, "--task", "b")
    assert (both.returncode, both.stdout) == (2, "")
    nothing = typed_in(tmp_path, "explain", run.run_dir, "--where", "success")
    assert "2 episodes, 2 solved, 0 explained" in nothing.stdout


def test_the_exit_code_says_whether_two_episodes_part(run: ReplaySystem, tmp_path: Path) -> None:
    """0 for the same, 1 for others, 2 for a name that names nothing."""
    address = f"{run.run_dir}:0"
    same = typed_in(tmp_path, "diff", address, address)
    assert (same.returncode, "They are the same" in same.stdout) == (0, True)
    other = typed_in(tmp_path, "diff", address, f"{run.run_dir}:{NUMBERS['wrong']}", "--json")
    assert other.returncode == 1
    assert json.loads(other.stdout)["kind"] == "action"
    assert json.loads(other.stdout)["step"] == 1
    for wrong in (str(run.run_dir), f"{run.run_dir}:99"):
        assert typed_in(tmp_path, "diff", address, wrong).returncode == 2


def test_scores_are_aggregated(run: ReplaySystem, tmp_path: Path) -> None:
    """With every option; wrong ones are answered."""
    done = typed_in(
        tmp_path, "aggregate", run.run_dir, "--by", "episode", "--metric", "success", "--of", "mean"
    )
    assert done.stdout.startswith("mean of success: ")
    said = json.loads(
        typed_in(
            tmp_path, "aggregate", run.run_dir, "--by", "episode", "--last", 1, "--seed", 3, "--json"
        ).stdout
    )
    assert (said["last"], said["seed"], said["by"]) == (1, 3, "episode")
    wrong = typed_in(tmp_path, "aggregate", run.run_dir, "--of", "best")
    assert (wrong.returncode, "iqm, mean, median" in wrong.stderr) == (2, True)


def test_names_from_outside_do_not_act_on_the_terminal(tmp_path: Path) -> None:
    """Escapes and markup in a task's name stay text."""
    names = ["\x1b[31mred[/bold]", "<script>"]
    rows = make_rows(2, task_id=names, stored_steps=np.zeros(2, int))
    done = typed_in(tmp_path, "tasks", run_of_rows(tmp_path, rows))
    assert done.returncode == 0
    assert "\x1b[31m" not in done.stdout
    assert "[/bold]" in done.stdout
