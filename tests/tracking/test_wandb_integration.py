"""WandbIntegration has the seed's calls; W&B gets what its config says, the run on disk everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from offline_wandb import OfflineRun, offline_runs, only_here

from jaxarc import WandbConfig, WandbIntegration
from jaxarc.errors import TrackingError
from jaxarc.replay import ReplaySystem

pytest.importorskip("wandb")

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/></svg>'
MODEL = {"dense": {"kernel": np.ones((3, 4), np.float32), "bias": np.zeros(4)}, "name": "mlp"}


@pytest.fixture(autouse=True, scope="module")
def _offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No key, no network, and no file of W&B outside the test's own directories."""
    with only_here(tmp_path_factory.mktemp("home")):
        yield


def train(root: Path, config: WandbConfig) -> tuple[ReplaySystem, OfflineRun | None]:
    """Log a short training as the seed does; return the run on disk and what W&B has."""
    integration = WandbIntegration(config, recording=[f"storage.base_output_dir={root}"])
    integration.initialize_run({"lr": 0.1, "net": {"width": 8}}, run_name="short", model=MODEL)
    for step in range(1, 15, 2):
        images = {"board": SVG} if step % 3 == 1 else None
        gradients = {"kernel": np.full((2, 2), 1.5), "bias": np.zeros(2)}
        integration.log_step(step, {"loss": np.float32(1 / (step + 1))}, images, gradients=gradients)
    summary = {"total_reward": 1.5, "success": True, "task_id": "abc", "episode_num": 4}
    integration.log_episode_summary(4, summary, summary_image=SVG)
    integration.finish_run()
    integration.finish_run()
    assert integration.run is not None
    found = list(offline_runs(root).values())
    return ReplaySystem(integration.run), (found[0] if found else None)


def test_wandb_gets_every_nth_step_and_the_run_all(tmp_path: Path) -> None:
    """`log_frequency`, `image_format`, gradients and the model, as the config wants them."""
    config = WandbConfig(
        enabled=True,
        project_name="mine",
        log_frequency=3,
        image_format="both",
        max_image_size=(20, 20),
        log_gradients=True,
        log_model_topology=True,
    )
    run, shown = train(tmp_path, config)
    assert len(run.record().series("loss")) == 7
    assert shown is not None
    assert [step for step, _ in shown.series("loss", "step")] == [1, 7, 13]
    assert len(shown.series("board")) == len(shown.series("board/svg")) == 3
    assert (shown.series("board")[0]["width"], shown.series("board")[0]["height"]) == (20, 15)
    assert shown.series("gradients/norm") == [3.0, 3.0, 3.0]
    assert shown.series("gradients/bias/max_abs") == [0, 0, 0]
    table = shown.series("model/topology")[0]
    assert (table["nrows"], table["ncols"]) == (2, 4)
    assert shown.series("episode/total_reward", "episode") == [(4, 1.5)]
    assert shown.series("episode/task_id") == ["abc"]
    assert shown.metrics["episode/total_reward"].step_metric == "episode"
    assert shown.series("episode/summary", "episode")[0][0] == 4
    assert (shown.project, shown.config["net"]) == ("mine", {"width": 8})


def test_what_is_not_enabled_stays_in_the_run(tmp_path: Path) -> None:
    """The seed's default: nothing goes to W&B, and the run on disk has it, to be sent later."""
    run, shown = train(tmp_path, WandbConfig())
    assert shown is None
    record = run.record()
    assert (len(record.series("loss")), len(record.media)) == (7, 4)
    assert not any(key.startswith("gradients") for key, _ in record.keys)


def test_calls_out_of_order_say_what_is_missing(tmp_path: Path) -> None:
    """A step before the run, and a run within a run."""
    integration = WandbIntegration(WandbConfig(), recording=[f"storage.base_output_dir={tmp_path}"])
    with pytest.raises(TrackingError, match="initialize_run"):
        integration.log_step(0, {"loss": 1.0})
    with integration:
        integration.initialize_run()
        with pytest.raises(TrackingError, match="finish_run"):
            integration.initialize_run()
    assert integration.tracker is not None
    assert integration.tracker.status == "FINISHED"
