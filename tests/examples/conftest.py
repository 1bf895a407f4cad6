"""A PPO run of the examples, for tests that only read it or copy it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from child import wait_until
from example_runs import run_example

SETTINGS = (
    *("--num-updates", "24", "--num-envs", "16", "--num-steps", "16"),
    *("--learning-rate", "1e-2", "--num-minibatches", "8", "capture.level=full", "capture.envs=8"),
    *("logging=wandb_basic", "logging.wandb.mode=offline"),
)
"""Small, and enough for half of the last episodes to be solved; shown by W&B, without network."""


@pytest.fixture(scope="session")
def ppo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``python examples/ppo.py`` ran in, and what it printed; once for all processes."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "ppo"
    try:
        root.mkdir()
    except FileExistsError:
        wait_until((root / "printed").exists, 180.0)
        return root
    home = {f"WANDB_{name}_DIR": str(root / "wandb_home") for name in ("CACHE", "CONFIG", "DATA", "ARTIFACT")}
    printed = run_example("ppo.py", root, *SETTINGS, environment={**home, "WANDB_ERROR_REPORTING": "false"})
    (root / "now").write_text(printed)
    (root / "now").rename(root / "printed")
    return root
