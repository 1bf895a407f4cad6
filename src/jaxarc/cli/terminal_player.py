"""Episodes played in a terminal, with keys where somebody can press them."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from jaxarc.cli.playback import KEYS, Playback, key_of
from jaxarc.records.episode_data import EpisodeData
from jaxarc.rendering import Style, terminal_step
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.views.pictures import each_step_picture, step_pictures

__all__ = ["play_episodes", "print_episodes"]


def print_episodes(console: Console, episodes: Sequence[EpisodeData], style: Style) -> None:
    """Print every stored step of episodes as lines, for what is no terminal."""
    for episode in episodes:
        for data in each_step_picture(episode):
            console.print(terminal_step(data, style))


def play_episodes(console: Console, episodes: Sequence[EpisodeData], style: Style, fps: float) -> None:
    """Show stored steps in place, one after the other, until the last one or until ``q``.

    Args:
        console: a terminal.
        episodes: at least one, each with stored steps.
        style: the look.
        fps: steps a second.
    """
    playback = Playback([len(episode.step) for episode in episodes], fps)
    with _keys() as pressed, Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            episode = episodes[playback.episode]
            (data,) = step_pictures(episode, [playback.step])
            head = _head(episode, playback, with_keys=pressed is not None)
            live.update(Group(*head, terminal_step(data, style)), refresh=True)
            key = _wait(pressed, 1 / playback.fps, is_paused=playback.is_paused)
            if key:
                playback.press(key_of(key))
            else:
                playback.tick()
            if playback.is_over:
                return


def _head(episode: EpisodeData, playback: Playback, *, with_keys: bool) -> Iterator[Text]:
    row = episode.row
    name = shown_address(int(row.get("writer", 0)), int(row.episode))
    count = f" ({playback.episode + 1} of {len(playback.lengths)})" if len(playback.lengths) > 1 else ""
    step = f"stored step {playback.step + 1:,} of {playback.lengths[playback.episode]:,}"
    speed = "paused" if playback.is_paused else f"{playback.fps:.3g} a second"
    line = Text.assemble((f"episode {name}{count}", "bold"), f"  {step}  ", (speed, "dim"))
    yield Text(line.plain, no_wrap=True, overflow="ellipsis", spans=line.spans)
    if with_keys:
        yield Text(KEYS, "dim", no_wrap=True, overflow="ellipsis")


def _wait(keyboard: int | None, seconds: float, *, is_paused: bool) -> str:
    """Return the key that was pressed before the time of a step was over, or an empty string."""
    if keyboard is None:
        time.sleep(seconds)
        return ""
    ready, _, _ = select.select([keyboard], [], [], None if is_paused else seconds)
    if not ready:
        return ""
    return os.read(keyboard, 16).decode("utf-8", "replace") or "q"  # an end of file: nobody is there


@contextmanager
def _keys() -> Iterator[int | None]:
    """Yield the file of the keyboard, with keys as they are pressed; None where there is none."""
    try:
        import termios
        import tty
    except ImportError:  # not a Unix
        yield None
        return
    try:
        keyboard = sys.stdin.fileno()
        before = termios.tcgetattr(keyboard)
    except (OSError, ValueError, termios.error):
        yield None
        return
    tty.setcbreak(keyboard)
    try:
        yield keyboard
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
