"""The player in a browser, for every test of it."""

from __future__ import annotations

from player_driver import open_player

__all__ = ["open_player"]
