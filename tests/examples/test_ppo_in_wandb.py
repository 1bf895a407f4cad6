"""A PPO run that was recorded with ``logging=wandb_basic`` alone is in W&B as its users expect."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from example_runs import only_run
from offline_wandb import OfflineRun, offline_runs

from jaxarc.replay import ReplaySystem

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"needs {name}")
    for name in ("optax", "wandb")
]

CURVES = ("episode_return_mean", "episode_length_mean", "success_rate", "env_steps_per_s", "episodes")
LOSSES = ("policy_loss", "value_loss", "entropy")


@pytest.fixture(scope="module")
def run(ppo_root: Path) -> ReplaySystem:
    """The run on disk."""
    return only_run(ppo_root)


@pytest.fixture(scope="module")
def shown(run: ReplaySystem) -> dict[str, OfflineRun]:
    """What W&B has, by what follows the run's id."""
    return {key.removeprefix(run.run_dir.name): each for key, each in offline_runs(run.run_dir).items()}


def test_every_seed_has_a_run_and_their_mean_one_more(
    run: ReplaySystem, shown: dict[str, OfflineRun]
) -> None:
    """One group of three, and each has return, success, losses and throughput."""
    assert list(shown) == ["", "-m0", "-m1"]
    assert {each.group for each in shown.values()} == {run.run_dir.name}
    assert {each.exit_code for each in shown.values()} == {0}
    for each in shown.values():
        assert {f"train/{name}" for name in (*CURVES, *LOSSES)} <= each.keys
        assert each.config["jaxarc"]["capture"]["level"] == "full"
        assert each.config["learning_rate"] == 1e-2


def test_all_of_it_stands_on_one_axis_of_environment_steps(shown: dict[str, OfflineRun]) -> None:
    """The axis is defined, is in every row, and never goes back for a series; W&B counts its rows itself."""
    for each in shown.values():
        for name in (*CURVES, *LOSSES):
            assert each.metrics[f"train/{name}"].step_metric == "env_step"
            steps = [step for step, _ in each.series(f"train/{name}", "env_step")]
            assert len(steps) >= 23
            assert steps == sorted(steps)
        assert [row["_step"] for row in each.history] == list(range(len(each.history)))


def test_what_wandb_has_is_the_local_record(run: ReplaySystem, shown: dict[str, OfflineRun]) -> None:
    """Value by value, for losses and for the curves that nobody logged."""
    for member in (0, 1):
        for name in ("policy_loss", "train/episode_return_mean", "train/success_rate"):
            series = run.record().series(name, member=member, stream="train")
            key = name if name.startswith("train/") else f"train/{name}"
            np.testing.assert_array_equal(shown[f"-m{member}"].series(key), series.value)
    mean = run.record().series("train/episode_return_mean", agg="mean")
    np.testing.assert_array_equal(shown[""].series("train/episode_return_mean"), mean.value)


def test_episodes_arrive_as_pictures_and_as_the_player(
    run: ReplaySystem, shown: dict[str, OfflineRun]
) -> None:
    """Those that were drawn while it trained, in the run of their seed, over environment steps."""
    pictures = [row for each in shown.values() for row in each.history if "episodes/train" in row]
    players = [row for each in shown.values() for row in each.history if "player/train" in row]
    # Drawing has a budget of seconds: the last episode may have its picture and no player.
    kinds = [said.kind for said in run.record().media]
    assert len(pictures) == kinds.count("image") > 0
    assert len(players) == kinds.count("html") > 0
    ends = run.episodes()["end_step"]
    for member in ("-m0", "-m1"):
        for row in shown[member].history:
            if "player/train" in row:
                page = shown[member].folder / "files" / row["player/train"]["path"]
                assert page.stat().st_size > 1_000
                assert ends[row["episode"]] == row["env_step"]
    sent = json.loads((run.run_dir / "trackers" / "wandb.json").read_bytes())
    assert (sent["refused"], sent["closed"]) == (0, "FINISHED")
