"""Drives the player's page in a real browser: opens it, presses keys, reads where it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import OpenPage
from played import NASTY

from jaxarc.records.player import PlayerEpisode
from jaxarc.rendering import Style
from jaxarc.rendering.player import player_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

__all__ = ["OpenPlayer", "open_player", "press", "settled", "state"]

OpenPlayer = Callable[..., "Page"]


@pytest.fixture
def open_player(open_page: OpenPage, tmp_path: Path) -> OpenPlayer:
    """Open a page of episodes: ``open_player([episode], "#step=3", width=360)``."""

    def opened(
        episodes: list[PlayerEpisode], address: str = "", *, style: Style | None = None, **window: Any
    ) -> Page:
        path = tmp_path / "page.html"
        path.write_text(player_page(episodes, style, NASTY), encoding="utf-8")
        page = open_page(path.as_uri() + address, **window)
        page.wait_for_selector("html[data-ready]", timeout=20_000)
        return page

    return opened


def state(page: Page) -> list[Any]:
    """Return which episodes are shown, and at which step."""
    return page.evaluate("[...jaxarcPlayer.shown, jaxarcPlayer.step]")


def settled(page: Page, address: str) -> None:
    """Wait until the page's address ends so, which it says when the cursor rests."""
    page.wait_for_url(lambda url: url.endswith(address), timeout=5_000)


def press(page: Page, *keys: str) -> None:
    """Press keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)
