"""Playing in the terminal: what keys do, and a real pseudo-terminal in which they are pressed."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxarc.cli.playback import Playback, key_of
from jaxarc.replay import ReplaySystem


def pressed(*keys: str, lengths: tuple[int, ...] = (3, 1, 2), step: int = 0) -> Playback:
    """Return where a player stands after some keys."""
    playback = Playback(lengths, step=step)
    for key in keys:
        playback.press(key_of(key))
    return playback


def test_it_plays_through_all_episodes_and_leaves() -> None:
    """Every step of each is shown once."""
    playback = Playback((3, 1, 2))
    seen = []
    while not playback.is_over:
        seen.append((playback.episode, playback.step))
        playback.tick()
    assert seen == [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)]


@pytest.mark.parametrize(
    ("keys", "stands"),
    [
        (("\x1b[C",), (0, 1)),
        (("l", "l", "l"), (1, 0)),
        (("\x1b[C", "\x1b[D"), (0, 0)),
        (("h",), (0, 0)),
        (("n", "h"), (0, 2)),
        (("\x1b[B", "\x1bOB"), (2, 0)),
        (("n", "n", "n", "p"), (1, 0)),
        (("G",), (0, 2)),
        (("n", "n", "\x1b[F", "l"), (2, 1)),
        (("G", "g"), (0, 0)),
        (("x", "\x1b[Z", "é"), (0, 0)),
    ],
    ids=range(11),
)
def test_keys_go_by_steps_and_episodes(keys: tuple[str, ...], stands: tuple[int, int]) -> None:
    """Past the end of an episode comes the next one; keys without a meaning do nothing."""
    playback = pressed(*keys)
    assert (playback.episode, playback.step) == stands


def test_a_pause_holds_and_the_end_is_kept_once_a_key_was_pressed() -> None:
    """Space goes on from where it stood, and starts again at the end."""
    playback = pressed(" ")
    playback.tick()
    assert (playback.step, playback.is_paused) == (0, True)
    playback.press("pause")
    for _ in range(20):
        playback.tick()
    assert (playback.is_at_end, playback.is_paused, playback.is_over) == (True, True, False)
    playback.press("pause")
    assert (playback.episode, playback.step, playback.is_paused) == (0, 0, False)


def test_the_speed_has_limits_and_q_leaves() -> None:
    """However often a key is pressed."""
    assert pressed(*"+" * 40).fps == 60
    assert pressed(*"-" * 40).fps == 0.25
    assert pressed("q").is_over
    assert pressed("\x1b").is_over


@pytest.mark.parametrize(("keys", "code"), [(b" \x1b[Cq", 0), (b"\x03", 130)], ids=["q", "Ctrl-C"])
def test_keys_are_pressed_in_a_terminal(
    arc_run: ReplaySystem, tmp_path: Path, keys: bytes, code: int
) -> None:
    """They act as they are pressed; what the terminal was told before holds again afterwards."""
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 100))
    before = termios.tcgetattr(theirs)
    program = (
        "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR))  # its controlling terminal\n"
        "from jaxarc.cli import main\nmain()"
    )
    words = ["-c", program, "replay", str(arc_run.run_dir), "0", "1", "--fps", "0.5"]
    child = subprocess.Popen(
        [sys.executable, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm-256color"},
        start_new_session=True,
    )
    try:
        shown = read_until(ours, b"step 1 of")
        os.write(ours, keys[:1])
        if len(keys) > 1:
            shown += read_until(ours, b"paused")
            os.write(ours, keys[1:-1])
            shown += read_until(ours, b"step 2 of")
            os.write(ours, keys[-1:])
        assert child.wait(timeout=30) == code, shown
        assert termios.tcgetattr(theirs) == before
    finally:
        child.kill()
        child.wait()
        os.close(ours)
        os.close(theirs)
    assert b"Traceback" not in shown


def read_until(terminal: int, words: bytes, seconds: float = 60) -> bytes:
    """Return what was shown until some words came."""
    seen, end = b"", time.monotonic() + seconds
    while words not in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen):
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    return seen
