"""The examples run as a reader runs them: in a process of their own, in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from jaxarc.replay import ReplaySystem

__all__ = ["EXAMPLES", "only_run", "run_example"]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run_example(
    name: str, run_root: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> str:
    """Run an example in an empty folder; return what it printed."""
    faster = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # compiles in half the time
    environment = {**os.environ, **faster, **(environment or {})}
    environment.pop("XLA_FLAGS", None)
    environment.pop("WANDB_API_KEY", None)
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=run_root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def only_run(run_root: Path) -> ReplaySystem:
    """Open the one run that an example left, and check that it lost nothing."""
    (run_file,) = run_root.glob("outputs/episodes/*/*/run.json")
    run = ReplaySystem(run_file.parent)
    assert run.status == "FINISHED"
    assert not run.problems
    return run
