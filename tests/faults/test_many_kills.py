"""A writing run that is killed, again and again, at moments drawn by lot."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jaxarc
from jaxarc.replay import ReplaySystem

NURSERY = """
import json, os, sys
import numpy as np
import jax, jaxarc  # once for all children; no backend is opened before the fork
from jaxarc import Recorder

jaxarc.load_config()  # Hydra looks for its plug-ins and reads the tree once, not in every child

def record(root, resume, out):
    config = {
        "storage": {"base_output_dir": root, "segment_bytes": 4_000},
        "pipeline": {"flush_interval": 0.02},
        "capture": {"level": "verbose"},
        "visualization": {"live": {"enabled": False}},
        "logging": {"log_level": "ERROR"},
    }
    recorder = Recorder(config, resume=resume)
    print(json.dumps({"run": str(recorder.run_dir)}), file=out, flush=True)
    for number in range(1_000_000):
        with recorder.episode(labels={"number": number}) as episode:
            for t in range(1 + number % 7):
                last = t == number % 7
                episode.step(np.full(3, t), np.int8(number % 5), 1.0, np.full(3, t + 1), terminated=last)
        recorder.log({"number": float(number)}, step=number)
        if number % 3 == 0 and recorder.flush():
            print(number, file=out, flush=True)

for line in sys.stdin:
    order = json.loads(line)
    there, here = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(there)
        record(order["root"], order["resume"], os.fdopen(here, "w"))
    os.close(here)
    said = os.fdopen(there)
    run = json.loads(said.readline())["run"]
    flushed = -1
    for _ in range(order["acknowledged"]):
        flushed = int(said.readline())
    print(json.dumps({"pid": child, "run": run, "flushed": flushed}), flush=True)
    os.waitpid(child, 0)
    print(json.dumps({"last": [int(word) for word in said.read().split("\\n") if word][-1:]}), flush=True)
    said.close()
"""


class Nursery:
    """A process that has imported everything and forks a recording child at every order."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""},
        )

    def killed(self, root: Path, resume: Path | None, dice: random.Random) -> tuple[ReplaySystem, int]:
        """Let a child record and kill it; return its run and the last episode that was said to be on disk."""
        assert self.process.stdin is not None
        order = {"root": str(root), "resume": resume and str(resume), "acknowledged": dice.randrange(1, 9)}
        print(json.dumps(order), file=self.process.stdin, flush=True)
        born = self._heard()
        time.sleep(dice.uniform(0.0, 0.05))  # the moment; what is asserted holds at any
        os.kill(born["pid"], signal.SIGKILL)
        last = self._heard()["last"] or [born["flushed"]]
        return ReplaySystem(born["run"]), last[0]

    def _heard(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process ended"
        return json.loads(line)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One for all kills."""
    nursery = Nursery()
    yield nursery
    nursery.process.kill()
    nursery.process.communicate()


def check(run: ReplaySystem, flushed: int, writer: int) -> None:
    """Hold that the run is lost, and that everything that was flushed is there, once and whole."""
    assert run.status == "LOST"
    assert run.problems == ()
    rows = run.episodes(f"writer == {writer}")
    done = rows.take(rows["ended"] == b"terminated")
    numbers = done["number"].tolist()
    assert sorted(numbers) == list(range(len(numbers)))
    assert len(numbers) > flushed
    assert done["complete"].all()
    assert (done["total_steps"] == 1 + done["number"] % 7).all()
    for place in np.linspace(0, len(done) - 1, 4).astype(int):
        row = done.row(int(place))
        episode = run.load_episode(row.episode, writer=writer)
        assert episode.observation[:, 0].tolist() == list(range(row.total_steps + 1))
        assert set(episode.action.tolist()) == {row.number % 5}
    logged = [event for event in run.events("metric_batch") if event.writer == f"p{writer:03d}"]
    assert [event.payload["step"] for event in logged] == list(range(len(logged)))
    assert len(logged) > flushed


def kill_again_and_again(nursery: Nursery, root: Path, kills: int) -> None:
    dice = random.Random(kills)
    resume, writer = None, 0
    for _ in range(kills):
        run, flushed = nursery.killed(root, resume, dice)
        check(run, flushed, writer)
        # Every other time the run goes on, up to four times.
        goes_on = dice.random() < 0.5 and writer < 4
        resume, writer = (run.run_dir, writer + 1) if goes_on else (None, 0)


def test_ten_kills_lose_nothing_that_was_flushed_and_the_runs_go_on(nursery: Nursery, run_root: Path):
    """The run reads as LOST, every file is whole, and another attempt is recorded into it and killed too."""
    kill_again_and_again(nursery, run_root, 10)
    assert max(len(list((path / "events").iterdir())) for path in run_root.glob("*/*")) > 1
    assert jaxarc.open("latest", root=run_root).status == "LOST"


@pytest.mark.long
def test_five_hundred_kills(nursery: Nursery, run_root: Path):
    """The same five hundred times."""
    kill_again_and_again(nursery, run_root, 500)
