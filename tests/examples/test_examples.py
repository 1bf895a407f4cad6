"""The examples run as a reader runs them, and what they record is what they played."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from example_runs import EXAMPLES, only_run, run_example

import jaxarc
from jaxarc import Recorder
from jaxarc.errors import DiagnosticsError
from jaxarc.records.table import EpisodeTable
from jaxarc.replay import ReplaySystem

needs_optax = pytest.mark.skipif(importlib.util.find_spec("optax") is None, reason="needs optax")
needs_gymnax = pytest.mark.skipif(
    None in map(importlib.util.find_spec, ("optax", "gymnax")), reason="needs gymnax and optax"
)


def assert_all_steps_counted(rows: EpisodeTable, members: Sequence[int], num_envs: int, steps: int) -> None:
    """Check that the episodes of every environment of every member add up to the steps that it played."""
    for member in members:
        for env_id in range(num_envs):
            of_lane = (rows["member"] == member) & (rows["env_id"] == env_id)
            assert rows["total_steps"][of_lane].sum() == steps
    assert len(np.unique(rows["member"])) == len(members)
    assert rows["env_id"].max() == num_envs - 1


def logged(run: ReplaySystem, name: str) -> dict[int, list[int]]:
    """Return the steps at which each member logged a finite value of a metric."""
    steps: dict[int, list[int]] = {}
    for event in run.events("metric_batch"):
        assert np.isfinite(event.payload["metrics"][name])
        if "member" in event.payload["ctx"]:  # the mean has none
            steps.setdefault(event.payload["ctx"]["member"], []).append(event.payload["step"])
    return steps


def load(name: str) -> ModuleType:
    """Import an example as a module."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@needs_optax
def test_ppo_records_every_seed_with_true_last_boards(ppo_root: Path) -> None:
    """Two seeds in one program: rows of both, of every update, and boards to the very last one."""
    printed = (ppo_root / "printed").read_text()
    run = only_run(ppo_root)
    rows = run.episodes()
    assert_all_steps_counted(rows, members=(0, 1), num_envs=16, steps=24 * 16)
    for member in (0, 1):
        assert set(rows["update"][rows["member"] == member].tolist()) >= set(range(1, 24))
    assert logged(run, "entropy") == {0: list(range(24)), 1: list(range(24))}

    stored = run.episodes("stored_steps > 0")
    assert set(stored["env_id"].tolist()) == set(range(0, 16, 2))
    for row in stored.take(np.arange(0, len(stored), 20)):
        episode = run.load_episode(row.episode)
        assert episode.observation.shape == (row.total_steps + 1, 3, 3)
        similarity = np.mean(episode.observation[1:] == episode.constants["target"], axis=(1, 2))
        np.testing.assert_allclose(similarity, episode.metrics["similarity"], atol=1e-6)
        assert run.task(row.task_id) is not None

    assert f"jaxarc ls {run.run_dir}" in printed
    last_line = next(line for line in printed.splitlines() if line.startswith("  22 -   23"))
    solved = rows["success"][(rows["update"] >= 22) & (rows["ended"] != b"cut") & (rows["member"] == 0)]
    assert f"{solved.mean():.0%}" in last_line


@needs_optax
@pytest.mark.long
def test_ppo_runs_with_recording_off(run_root: Path) -> None:
    """No episode and no metric is on disk, what the example says of its settings is; numbers are printed."""
    tiny = ("--num-updates", "2", "--num-envs", "2", "--num-steps", "8", "--num-seeds", "1", "--width", "8")
    printed = run_example("ppo.py", run_root, *tiny, "capture.level=off")
    assert "reward per episode" in printed
    run = only_run(run_root)
    assert (len(run.episodes()), run.metrics()) == (0, [])
    assert run.params["num_updates"] == 2
    assert not list(run.run_dir.glob("steps/*"))


@needs_optax
def test_ppo_with_recording_off_is_ppo_without_a_recorder() -> None:
    """The program that is built with a Recorder at level off is the program that never heard of one."""
    ppo = load("ppo")
    settings = ppo.Settings(num_updates=2, num_envs=2, num_steps=4, width=8)
    env = ppo.make_env(settings)
    keys = jax.random.split(jax.random.key(0), 2)
    with Recorder(["capture.level=off"]) as recorder:
        recorded, plain = (
            jax.jit(jax.vmap(ppo.make_train(settings, env, record))).lower(keys).as_text()
            for record in (recorder, None)
        )
    assert recorded == plain


def test_recording_ppo_takes_fewer_than_ten_lines() -> None:
    """The lines that recording adds are marked, and every use of a recorder is on one of them."""
    lines = (EXAMPLES / "ppo.py").read_text().splitlines()
    marked = [line for line in lines if line.endswith("# recording")]
    assert 5 <= len(marked) < 10
    uses = [line for line in lines if "recorder." in line or "record." in line or "arc_step(" in line]
    reading = [line for line in uses if "recorder.run_dir" in line]
    assert len(reading) == 2
    assert set(uses) - set(reading) < set(marked)


@needs_gymnax
@pytest.mark.long
def test_cartpole_episodes_end_with_the_pole_down(run_root: Path) -> None:
    """Every complete episode stays inside the limits until its last observation, which does not."""
    run_example(
        "ppo_cartpole.py",
        run_root,
        *("--num-updates", "3", "--num-envs", "4", "capture.level=verbose", "capture.envs=2"),
    )
    run = only_run(run_root)
    assert_all_steps_counted(run.episodes(), members=(0, 1), num_envs=4, steps=3 * 32)
    assert logged(run, "value_loss") == {0: [0, 1, 2], 1: [0, 1, 2]}
    complete = run.episodes("complete and ended == 'terminated'")
    assert set(complete["member"].tolist()) == {0, 1}
    for row in complete:
        episode = run.load_episode(row.episode)
        assert episode.observation.shape == (row.total_steps + 1, 4)
        assert row.total_reward == row.total_steps
        position, angle = np.abs(episode.observation[:, [0, 2]]).T
        outside = (position > 2.4) | (angle > np.deg2rad(12))
        assert outside.tolist() == [False] * row.total_steps + [True]
        assert episode.info["value"].shape == (row.total_steps,)


@needs_optax
def test_evaluations_are_a_stream_of_their_own_that_starts_afresh(run_root: Path) -> None:
    """Training leaves rows; evaluations leave steps and states, and never go on with the last one."""
    run_example("train_and_evaluate.py", run_root, "--num-rounds", "2")
    run = only_run(run_root)
    train, evaluations = run.episodes("stream == 'train'"), run.episodes("stream == 'eval'")
    assert len(train) + len(evaluations) == len(run)
    assert_all_steps_counted(train, members=(0,), num_envs=64, steps=10 * 32)
    assert set(train["update"].tolist()) == set(range(10))
    assert not train["stored_steps"].any()
    assert logged(run, "loss") == {0: list(range(10))}

    assert set(evaluations["update"].tolist()) == {5, 10}
    for update in (5, 10):
        rows = run.episodes(f"stream == 'eval' and update == {update}", sort="uid")
        assert_all_steps_counted(rows, members=(0,), num_envs=16, steps=50)
        assert (rows["ended"] == b"cut").any()
        first = run.load_episode(int(rows["episode"][(rows["env_id"] == 0) & (rows["stored_steps"] > 0)][0]))
        assert first.state["step_count"].tolist() == list(range(len(first)))
    for row in run.episodes("stream == 'eval' and stored_steps > 0"):
        episode = run.load_episode(row.episode)
        assert len(episode.observation) == row.total_steps + 1
        assert not row.success


def test_a_loop_of_fields_is_tracked_measured_and_drawn(tmp_path: Path):
    """``examples/field_loop.py``: an energy of its own, a builder of its own, and a run that goes wrong."""
    example = load("field_loop")
    context = example.main(["--steps", "40", "--out", str(tmp_path)])
    run = jaxarc.open(context.run_dir)
    assert (run.status, run.params["dt"]) == ("FINISHED", 0.2)
    assert (np.diff(run.record().series("energy").value) > 0).all()
    drawn = {path.name for path in (context.run_dir / "plots").rglob("*.*")}
    assert {"cross_section.png", "peak_000010.png", "temperature_000039.png", "temperature.html"} <= drawn
    assert context.health().builders.errors == 0
    with pytest.raises(DiagnosticsError, match="temperature/max"):
        example.main(["--steps", "40", "--dt", "0.6", "--out", str(tmp_path)])
    unstable = jaxarc.open("latest", root=tmp_path)
    assert unstable.status == "FAILED"
    assert unstable.record().series("temperature/max").value[-1] > 1e4
    assert (unstable.run_dir / "plots/png/temperature_000020.png").is_file()
