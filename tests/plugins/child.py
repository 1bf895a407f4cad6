"""Programs that record in a process of their own, to be ended in every way there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import jaxarc
from jaxarc.replay import ReplaySystem

__all__ = ["Child", "episodes_of", "run_child", "wait_until"]

PRELUDE = """
import os, resource, signal, sys, threading, time
sys.path[:0] = {paths!r}
import jax, jax.numpy as jnp
from recording import config, light_body, light_step
from jaxarc import Recorder, Step

ROOT = {root!r}
rollout = None

def play(recorder, start, steps=10):
    global rollout
    if rollout is None:
        rollout = jax.jit(lambda c: recorder.scan(light_body, c, None, steps))
    rollout(jnp.array([0, 5]) + start)
    jax.effects_barrier()

def say(*words):
    print(*words, flush=True)
"""


class Child:
    """A Python process that runs ``body`` after a prelude with a recorder's parts."""

    def __init__(self, root: Path, body: str, **environment: str):
        import toy

        paths = [str(Path(toy.__file__).parent), str(Path(jaxarc.__file__).parent.parent)]
        script = PRELUDE.format(paths=paths, root=str(root)) + textwrap.dedent(body)
        self.root = root
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "JAX_PLATFORMS": "cpu",
                "XLA_FLAGS": "",
                "PYTHONFAULTHANDLER": "1",
                **environment,
            },
        )

    def heard(self) -> str:
        """Return the next line that the child says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            raise AssertionError(self.ended()[1])
        return line

    def kill(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self, timeout: float = 90.0) -> tuple[int, str]:
        """Wait for the end; return the exit code and what was said on stderr."""
        try:
            _, errors = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            _, errors = self.process.communicate()
            raise AssertionError(f"the child did not end within {timeout} s\n{errors}") from None
        return self.process.returncode, errors

    def run(self) -> ReplaySystem:
        """Open the run that the child recorded."""
        return jaxarc.open("latest", root=self.root)


def run_child(root: Path, body: str, **environment: str) -> tuple[int, str, ReplaySystem]:
    """Run a child to its end; return exit code, stderr and its run."""
    child = Child(root, body, **environment)
    code, errors = child.ended()
    return code, errors, child.run()


def episodes_of(run: ReplaySystem) -> list[list[Any]]:
    """Return (env_id, counts) of every episode, read in full."""
    return sorted(
        [row.env_id, *run.load_episode(row.episode).observation["count"].tolist()] for row in run.episodes()
    )


def wait_until(condition: Any, timeout: float = 60.0) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited too long")
        time.sleep(0.02)
