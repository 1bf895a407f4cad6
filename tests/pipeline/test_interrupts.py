"""Ctrl-C: compiled programs and the end of a run are not torn, and the user gets a KeyboardInterrupt."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jaxarc.pipeline.exits import CLOSE_S, Exits
from jaxarc.replay import ReplaySystem

PROGRAM = """
import os, signal, sys, threading, time
import jax, jax.numpy as jnp
import jaxarc

def body(count, _):
    spun = jax.lax.fori_loop(0, 2000, lambda i, x: jnp.sin(x) + 1.0, count * 1.0)
    return count + 1, (jaxarc.Step(reward=spun, terminated=count % 10 == 9), ())

recorder = jaxarc.Recorder({"storage": {"base_output_dir": sys.argv[1]}, "capture": {"chunk_bytes": 4096}})
play = jax.jit(lambda count: recorder.scan(body, count, length=40_000)[0])
program = play.lower(0).compile()

def interrupt():
    while not recorder.health().accepted_chunks:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

try:
    with recorder:
        threading.Thread(target=interrupt).start()
        jax.block_until_ready(program(0))
        jax.effects_barrier()
        threading.Event().wait(5.0)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_during_a_program_arrives_after_it_as_itself(tmp_path: Path) -> None:
    """It would kill the program from within a callback; it comes behind it, and the run ends as KILLED."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "interrupted\n", done.stderr
    run = ReplaySystem(next(tmp_path.glob("*/*/run.json")).parent)
    assert run.status == "KILLED"
    assert run.episodes()["total_steps"].tolist() == [10] * 4000


def test_an_interrupt_waits_for_a_close_under_way() -> None:
    """The first one waits until the recorder is closed, the handler that was there before gets it then."""
    exits, before = Exits(), signal.getsignal(signal.SIGINT)
    handle = exits.add(lambda status: None, signals=True)
    exits.ending(handle)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        exits.remove(handle)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_second_interrupt_gives_the_close_up() -> None:
    """Who presses Ctrl-C twice wants to leave."""
    exits = Exits()
    handle = exits.add(lambda status: None, signals=True)
    exits.ending(handle)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        exits.remove(handle)


def test_an_interrupt_elsewhere_arrives_at_once() -> None:
    """Outside callbacks and closing nothing is changed."""
    exits = Exits()
    handle = exits.add(lambda status: None, signals=True)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    exits.remove(handle)


def test_an_ignored_interrupt_stays_ignored() -> None:
    """A background job without Ctrl-C keeps it so."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        exits = Exits()
        handle = exits.add(lambda status: None, signals=True)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        exits.remove(handle)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_interrupt_lets_nobody_wait_for_the_disk_any_more() -> None:
    """During a close it sets a limit; with the one that reaches the user the limit is gone."""
    exits = Exits()
    limits: list[float | None] = []
    handle = exits.add(lambda status: None, signals=True, hurry=limits.append)
    exits.ending(handle)
    signal.raise_signal(signal.SIGINT)
    assert limits == [CLOSE_S]
    with pytest.raises(KeyboardInterrupt):
        exits.remove(handle)
    again = exits.add(lambda status: None, signals=True, hurry=limits.append)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    exits.remove(again)
    assert limits == [CLOSE_S, None]


def test_the_next_interrupt_gives_up_a_close_that_an_interrupt_began() -> None:
    """The first one ended the program, the second one ends the close, at once."""
    exits = Exits()
    handle = exits.add(lambda status: None, signals=True)
    exits.ending(handle, hurried=True)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    exits.remove(handle)
