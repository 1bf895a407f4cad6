"""Several runs opened as one: by names, by patterns, running, damaged, of one name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import run_of_segments, truncate
from recording import config, light_step

import jaxarc
from jaxarc import Recorder
from jaxarc.errors import EpisodeNotFoundError, QueryError, RunNotFoundError
from jaxarc.replay import ReplaySystem, Runs
from jaxarc.storage import segment_files


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of twelve episodes each, ``sweep-a`` and ``sweep-b``, and one that is named otherwise."""
    root = tmp_path_factory.mktemp("runs")
    run = run_of_segments(root / "made")
    for name in ("sweep-a", "sweep-b", "other"):
        shutil.copytree(run.run_dir, root / "runs" / "default" / name)
    return root / "runs"


def opened(name: Any, root: Path | None = None) -> Runs:
    runs: object = jaxarc.open(name, root)
    assert isinstance(runs, Runs)
    return runs


def test_a_list_of_names_opens_runs(root: Path):
    """In their order; each is a run of its own still."""
    runs = jaxarc.open(["sweep-b", root / "default" / "sweep-a", "sweep-b"], root)
    assert isinstance(runs, Runs)
    assert (len(runs), runs.names) == (2, ("sweep-b", "sweep-a"))
    assert [run.name for run in runs] == ["sweep-b", "sweep-a"]
    assert runs["sweep-a"] is runs[1]
    assert runs[1:].names == ("sweep-a",)
    assert isinstance(jaxarc.open("sweep-a", root), ReplaySystem)
    assert repr(runs).splitlines()[1] == "  sweep-b  FINISHED  12 episodes"
    assert "sweep-b" in runs._repr_html_()


def test_a_pattern_opens_what_it_matches(root: Path):
    """Of names below the root, or of paths; a pattern that matches nothing says so."""
    assert opened("sweep-*", root).names == ("sweep-a", "sweep-b")
    assert opened(["sweep-?", "oth*"], root).names == ("sweep-a", "sweep-b", "other")
    assert opened(f"{root}/def*/sweep-*").names == ("sweep-a", "sweep-b")
    assert set(opened(f"{root}/*").names) == {"sweep-a", "sweep-b", "other"}
    with pytest.raises(RunNotFoundError, match=r"no run below .* has a name like sweeps-"):
        opened("sweeps-*", root)
    with pytest.raises(RunNotFoundError, match="no run has a path like"):
        opened(f"{root}/nothing/*")
    with pytest.raises(RunNotFoundError, match="did you mean sweep-"):
        opened(["sweep-a", "sweep-c"], root)


def test_episodes_of_all_runs_are_in_one_table(root: Path):
    """With the run of each, which can be asked about and sorted by."""
    runs = opened("sweep-*", root)
    table = runs.episodes()
    single = runs[0].episodes()
    assert table.words == "24 episodes, 2 runs"
    assert table.text("run") == ["sweep-a"] * 12 + ["sweep-b"] * 12
    np.testing.assert_array_equal(table["total_reward"], np.tile(single["total_reward"], 2))
    chosen = runs.episodes("run == 'sweep-b' and env_id == 1", sort="-total_reward", limit=2)
    assert [(row.run, row.total_reward) for row in chosen] == [("sweep-b", 160.0), ("sweep-b", 135.0)]
    assert len(runs.episodes(limit=5)) == 5
    assert table.names[0] == "run"
    with pytest.raises(QueryError, match="no column 'total_rewards'"):
        runs.episodes("total_rewards > 1")


def test_an_episode_of_several_runs_is_named_with_its_run(root: Path):
    """By name, by a row of the table, or as it was loaded."""
    runs = opened("sweep-*", root)
    episode = runs.load_episode("sweep-b:7")
    assert (episode.run_dir.name, episode.episode) == ("sweep-b", 7)
    row = runs.episodes("run == 'sweep-b' and episode == 7").row(0)
    assert runs.load_episode(row).run_dir == episode.run_dir
    assert runs.resolve(episode) == (runs[1], 0, 7)
    assert runs.resolve("sweep-b:p000-7") == (runs[1], 0, 7)
    with pytest.raises(
        EpisodeNotFoundError, match="does not say which of the 2 runs it is of; write 'sweep-a:7'"
    ):
        runs.load_episode(7)
    with pytest.raises(RunNotFoundError, match="'sweep-' is the beginning of several of these runs"):
        runs.load_episode("sweep-:7")
    with pytest.raises(EpisodeNotFoundError, match="no episode 99"):
        runs.load_episode("sweep-a:99")


def test_runs_of_one_name_are_told_apart_by_what_is_above(root: Path, tmp_path: Path):
    """Two experiments may have a run of the same name."""
    for experiment in ("first", "second"):
        shutil.copytree(root / "default" / "other", tmp_path / experiment / "other")
    runs = opened(f"{tmp_path}/*/other")
    assert runs.names == ("first/other", "second/other")
    assert runs.load_episode("second/other:3").run_dir.parent.name == "second"
    assert set(runs.episodes().text("run")) == {"first/other", "second/other"}


def test_runs_with_other_columns_are_joined(root: Path, tmp_path: Path):
    """What a run does not have is not known of its episodes."""
    with Recorder(config(tmp_path, storage={"run_name": "bare"})) as recorder:
        step = light_step(np.array([4, 4]))
        recorder.tap(jaxarc.Step(reward=step.reward, terminated=step.terminated))
    bare = recorder.run_dir
    assert bare is not None
    runs = opened([root / "default" / "other", bare])
    table = runs.episodes()
    metric = next(name for name in table.columns if name.endswith("_last"))
    assert metric not in runs[1].episodes()
    assert np.isnan(table[metric][12:]).all()
    assert not np.isnan(table[metric][:12]).any()


def test_a_running_run_reads_on_and_a_damaged_one_has_problems(root: Path, tmp_path: Path):
    """Neither keeps the others from being read."""
    damaged = tmp_path / "default" / "damaged"
    shutil.copytree(root / "default" / "other", damaged)
    (damaged / "index.h5").unlink(missing_ok=True)
    truncate(segment_files(damaged)[0], 0.4)
    with Recorder(config(tmp_path, storage={"run_name": "running"})) as recorder:
        recorder.tap(light_step(np.array([4])))
        recorder.flush()
        runs = opened(["damaged", "running"], tmp_path)
        before = len(runs.episodes("run like 'running*'"))
        assert 0 < len(runs.episodes("run == 'damaged'")) < 12
        assert any(problem.path.parent.parent == damaged for problem in runs.problems)
        recorder.tap(light_step(np.array([9])))
        recorder.flush()
        runs.refresh()
        assert len(runs.episodes("run like 'running*'")) == before + 1


def test_runs_are_aggregated_by_run_and_member(root: Path):
    """Each run counts as one that is independent of the others."""
    found = opened("*", root).aggregate(reps=50)
    assert found.scores.shape[0] == 3
    assert opened([], root).names == ()


def test_success_counts_only_where_a_run_says_it(tmp_path: Path):
    """Episodes of a run that never says which succeed are attempts, and neither failures nor scores."""
    for name, solved in (("says", [False, True, True]), ("silent", None)):
        config = {"storage": {"base_output_dir": str(tmp_path), "run_name": name}}
        with jaxarc.Recorder(config) as recorder:
            for number in range(3 if solved else 2):
                with recorder.episode(task=f"task {number % 2}") as episode:
                    success = solved[number] if solved else None
                    episode.step(np.zeros(1), np.int8(0), 1.0, np.ones(1), terminated=True, success=success)
    runs = opened("s*", tmp_path)
    tasks = runs.tasks()
    assert tasks.text("task_id") == ["task 0", "task 1"]
    assert tasks["attempts"].tolist() == [3, 2]
    assert tasks["solved"].tolist() == [1, 1]
    assert tasks["success_rate"].tolist() == [0.5, 1.0]
    assert [name.split("-")[0] for name in tasks.text("first_solved_run")] == ["says", "says"]
    assert [name.split("-")[0] for name in tasks.text("last_run")] == ["silent", "silent"]
    assert runs.aggregate("success", of="mean").value == pytest.approx(0.75)
