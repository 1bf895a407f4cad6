"""Where a player in the terminal stands, and what keys do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["KEYS", "Playback", "key_of"]

KEYS = "space pause · ←→ step · ↑↓ episode · +- speed · q end"

_FASTEST, _SLOWEST = 60.0, 0.25
_SEQUENCES = {
    "[C": "right",
    "[D": "left",
    "[A": "up",
    "[B": "down",
    "OC": "right",
    "OD": "left",
    "OA": "up",
    "OB": "down",
    "[H": "home",
    "[F": "end",
    "[1~": "home",
    "[4~": "end",
}
_LETTERS = {
    " ": "pause",
    "l": "right",
    "h": "left",
    "p": "up",
    "n": "down",
    "k": "up",
    "j": "down",
    "+": "faster",
    "=": "faster",
    "-": "slower",
    "_": "slower",
    "q": "quit",
    "\x1b": "quit",
    "g": "home",
    "G": "end",
}


def key_of(typed: str) -> str:
    """Return what a key means (``pause``, ``right``, ``quit``, …), or an empty string."""
    return _SEQUENCES.get(typed[1:], "") if typed[:1] == "\x1b" and typed[1:] else _LETTERS.get(typed[:1], "")


@dataclass
class Playback:
    """A position in several episodes, that plays by itself until a key is pressed at its end.

    Attributes:
        lengths: stored steps of each episode; at least one.
        fps: steps a second.
        episode, step: where it stands.
        is_paused: whether it waits.
        was_touched: whether a key was pressed: then it stays at its end, and does not leave by itself.
        is_over: whether it is to leave.
    """

    lengths: Sequence[int]
    fps: float = 4.0
    episode: int = 0
    step: int = 0
    is_paused: bool = False
    was_touched: bool = False
    is_over: bool = False

    @property
    def is_at_end(self) -> bool:
        """Whether there is no step behind this one."""
        return self.episode == len(self.lengths) - 1 and self.step == self.lengths[-1] - 1

    def tick(self) -> None:
        """Let the time of one step pass."""
        if self.is_paused:
            return
        if self.is_at_end:
            self.is_paused, self.is_over = self.was_touched, not self.was_touched
        else:
            self._go(1)

    def press(self, key: str) -> None:
        """Obey a key, as `key_of` names it."""
        if not key:
            return
        self.was_touched = True
        if key == "quit":
            self.is_over = True
        elif key == "pause":
            if self.is_paused and self.is_at_end:
                self.episode = self.step = 0
            self.is_paused = not self.is_paused
        elif key in ("faster", "slower"):
            self.fps = min(_FASTEST, max(_SLOWEST, self.fps * (1.5 if key == "faster" else 1 / 1.5)))
        elif key in ("left", "right"):
            self.is_paused = True
            self._go(1 if key == "right" else -1)
        elif key in ("home", "end"):
            self.step = 0 if key == "home" else self.lengths[self.episode] - 1
        else:
            self.episode = min(len(self.lengths) - 1, max(0, self.episode + (1 if key == "down" else -1)))
            self.step = 0

    def _go(self, by: int) -> None:
        """Go a step on or back, into the next episode or the one before where this one ends."""
        step = self.step + by
        if 0 <= step < self.lengths[self.episode]:
            self.step = step
        elif 0 <= self.episode + by < len(self.lengths):
            self.episode += by
            self.step = 0 if by > 0 else self.lengths[self.episode] - 1
