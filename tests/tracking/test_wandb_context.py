"""The processes of a pipeline are linked in W&B, and six kinds of things land in six places."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from offline_wandb import OfflineRun, offline_runs, only_here

import jaxarc
from jaxarc import (
    WandbContext,
    create_wandb_context,
    load_wandb_context_from_env,
    save_wandb_context,
)
from jaxarc.errors import TrackingError
from jaxarc.replay import ReplaySystem

pytest.importorskip("wandb")

CFG = {
    "optimizer": {"lr": 1e-3},
    "latent_dim": 32,
    "logging": {"wandb": {"project": "ups", "tags": ["sota"], "unknown": 1}},
}

TRAIN = """
from jaxarc import create_wandb_context
ctx = create_wandb_context({"lr": 0.1}, run_id="train", config=["storage.base_output_dir=runs"])
for step in range(3):
    ctx.log_training_metric("operator", "loss", 1.0 / (step + 1), step=step)
ctx.finish()
"""

EVALUATE = """
from jaxarc import load_wandb_context_from_env
ctx = load_wandb_context_from_env()
if ctx:
    ctx.log_eval_summary({"nrmse": 0.09, "mse": 0.001}, prefix="eval")
    ctx.update_config({"eval_samples": 3072, "eval_tau": 0.5})
    ctx.log_table("eval/baseline_vs_ttc", columns=["Metric", "Baseline", "TTC"], data=[["NRMSE", 0.78, 0.09]])
    ctx.finish()
"""


@pytest.fixture(autouse=True, scope="module")
def _offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No key, no network, and no file of W&B outside the test's own directories."""
    with only_here(tmp_path_factory.mktemp("home"), mode=None):
        yield


def context(root: Path, run_id: str | None = "run_1", mode: str | None = None, **more: Any) -> WandbContext:
    """Begin the run of a pipeline below a directory."""
    overrides = [f"storage.base_output_dir={root}/runs"]
    return create_wandb_context(CFG, run_id=run_id, mode=mode, config=overrides, **more)


def in_a_process(program: str, root: Path, context_file: Path, **environment: str) -> None:
    """Run a part of a pipeline as a process of its own, with the file that names the context."""
    import os

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env={**os.environ, "WANDB_CONTEXT_FILE": str(context_file), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OfflineRun]:
    """What W&B has of a pipeline of three processes, without a key: by ``orchestrator`` and ``train``."""
    root = tmp_path_factory.mktemp("pipeline")
    ctx = context(root)
    assert ctx.mode == "offline"
    assert ctx.enabled
    path = save_wandb_context(ctx, root / "artifacts" / "wandb_context.json")
    in_a_process(TRAIN, root, path)
    in_a_process(EVALUATE, root, path)
    weights = root / "model.bin"
    weights.write_bytes(b"123")
    for step in range(3):
        ctx.log_training_metric("operator", "loss", np.float32(0.5 - step / 8), step=step)
    ctx.log_image("eval/field", np.zeros((4, 6), np.uint8), caption="a field")
    ctx.save_file(weights)
    ctx.alert("Loss is high", "above 1", level="WARN")
    ctx.finish()
    ctx.finish()
    weights.write_bytes(b"changed afterwards")
    found = offline_runs(root)
    assert len(found) == 2
    return {("train" if run.name.startswith("train") else "orchestrator"): run for run in found.values()}


def test_six_kinds_of_things_land_in_six_places(pipeline: dict[str, OfflineRun]) -> None:
    """Series, summary, config, table, picture, file: what is one of them is none of the others."""
    run = pipeline["orchestrator"]
    assert run.series("operator/loss", "operator/step") == [(0, 0.5), (1, 0.375), (2, 0.25)]
    assert run.metrics["operator/loss"].step_metric == "operator/step"
    assert (run.summary["eval/nrmse"], run.summary["eval/mse"]) == (0.09, 0.001)
    assert (run.config["eval_samples"], run.config["eval_tau"]) == (3072, 0.5)
    assert run.config["optimizer"] == {"lr": 1e-3}
    table = run.series("eval/baseline_vs_ttc")[0]
    assert table["_type"] == "table-file"
    assert run.series("eval/field")[0]["caption"] == "a field"
    kept = [name for name in run.files if name.endswith("model.bin")]
    assert (run.folder / "files" / kept[0]).read_bytes() == b"123"
    assert run.alerts == [("Loss is high", "above 1", "WARN")]
    assert run.keys == {
        "operator/loss", "operator/step", "eval/baseline_vs_ttc", "eval/field"
    }  # fmt: skip
    assert (run.project, run.exit_code) == ("ups", 0)
    assert "sota" in run.tags


def test_the_processes_of_a_pipeline_are_linked(pipeline: dict[str, OfflineRun]) -> None:
    """Training has a run of its own in the same group, with the tag of its parent; evaluation has none."""
    run, train = pipeline["orchestrator"], pipeline["train"]
    assert train.group == run.group
    assert train.project == run.project == "ups"  # a group is one of a project
    assert "parent:run_1" in train.tags
    assert train.series("operator/loss", "operator/step") == [(0, 1.0), (1, 0.5), (2, pytest.approx(1 / 3))]
    assert "eval/nrmse" not in train.summary


def test_a_disabled_context_is_there_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file says that W&B is disabled; what is logged is in the run on disk all the same."""
    ctx = context(tmp_path, mode="disabled")
    path = save_wandb_context(ctx, tmp_path / "wandb_context.json")
    assert json.loads(path.read_bytes())["enabled"] is False
    monkeypatch.setenv("WANDB_CONTEXT_FILE", str(path))
    other = load_wandb_context_from_env()
    assert other is not None
    assert not other.enabled
    assert other.run_dir == ctx.run_dir
    other.log_eval_summary({"nrmse": 0.5})
    other.log_eval_summary({"plain": 1}, prefix="")
    other.finish()
    ctx.finish()
    assert ctx.run_dir is not None
    assert not list(ctx.run_dir.rglob("*.wandb"))
    record = ReplaySystem(ctx.run_dir).record()
    assert (record.summary["eval/nrmse"], record.summary["plain"]) == (0.5, 1)
    assert "JAXARC_RUN" not in __import__("os").environ


def test_without_a_context_file_everything_works_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No variable: None. A file that is lost is told, a damaged one is an error."""
    assert load_wandb_context_from_env() is None
    monkeypatch.setenv("WANDB_CONTEXT_FILE", str(tmp_path / "gone.json"))
    assert load_wandb_context_from_env() is None
    assert "no such file" in caplog.text
    with context(tmp_path, mode="disabled") as alone:
        alone.update_config({"a": 1})
    (tmp_path / "gone.json").write_text('{"run_id": "x"')
    with pytest.raises(TrackingError, match="no context of W&B"):
        load_wandb_context_from_env()


def test_the_error_of_a_block_is_the_status_of_the_run(tmp_path: Path) -> None:
    """A pipeline that raised is FAILED."""
    ctx = context(tmp_path, run_id=None, mode="disabled")
    with pytest.raises(RuntimeError, match="boom"), ctx:
        raise RuntimeError("boom")
    assert ctx.run_dir is not None
    assert jaxarc.open(ctx.run_dir).status == "FAILED"
