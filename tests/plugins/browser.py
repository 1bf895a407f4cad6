"""A real browser for tests of pages: one a session, fresh pages, and nothing may go wrong in them."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["OpenPage", "chromium", "find_chromium", "open_page"]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_LOCAL = ("file:", "data:", "blob:", "about:")
_WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI}`));
"""


def find_chromium() -> str | None:
    """Return the path of a Chromium: the one that JAXARC_CHROMIUM names, or one on PATH."""
    named = os.environ.get("JAXARC_CHROMIUM")
    return named or next((path for path in map(shutil.which, _NAMES) if path), None)


@dataclass
class _Chromium:
    """A browser. Its event loop counts as running only while a test uses it, for others have their own."""

    browser: Browser
    loop: Any

    @contextmanager
    def in_use(self) -> Iterator[Browser]:
        asyncio._set_running_loop(self.loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[_Chromium]:
    """A headless Chromium; a test without one is skipped, but fails where CI is set."""
    from playwright.sync_api import sync_playwright

    path = find_chromium()
    if path is None:
        reason = "no Chromium: run scripts/system-packages, or name one in JAXARC_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    playwright = sync_playwright().start()
    running = _Chromium(playwright.chromium.launch(executable_path=path), asyncio.get_running_loop())
    asyncio._set_running_loop(None)
    yield running
    with running.in_use() as browser:
        browser.close()
        playwright.stop()


@dataclass
class OpenPage:
    """Opens pages, each in a context of its own, and remembers whatever they did wrong.

    Attributes:
        problems: errors on the console, exceptions, requests to anywhere but local files, refused content.
    """

    browser: Browser
    problems: list[str] = field(default_factory=list)

    def __call__(self, page: Path | str, *, width: int = 1280, height: int = 800, **context: Any) -> Page:
        """Open a page and return it.

        Args:
            page: its file, or its URL.
            width, height: of the window, in CSS pixels.
            **context: what Playwright's ``browser.new_context`` takes (``color_scheme="dark"``).
        """
        size = {"width": width, "height": height}
        opened = self.browser.new_context(viewport=size, offline=True, **context).new_page()
        opened.on("console", lambda message: self._note(message.type in ("error", "warning"), message.text))
        opened.on("pageerror", lambda error: self._note(True, f"exception: {error}"))
        opened.on(
            "request",
            lambda request: self._note(not request.url.startswith(_LOCAL), f"request: {request.url[:200]}"),
        )
        if context.get("java_script_enabled", True):
            opened.add_init_script(_WATCH)
        opened.goto(page.resolve().as_uri() if isinstance(page, Path) else page)
        return opened

    def _note(self, is_wrong: bool, what: str) -> None:
        if is_wrong:
            self.problems.append(what)


@pytest.fixture
def open_page(chromium: _Chromium) -> Iterator[Callable[..., Page]]:
    """Open pages in a browser: ``page = open_page(path, width=360)``; see `OpenPage`.

    When the test ends, none of its pages may have logged an error, asked for anything beyond local files, or
    tried what its Content-Security-Policy forbids.
    """
    with chromium.in_use() as browser:
        opener = OpenPage(browser)
        yield opener
        for context in browser.contexts:
            context.close()
    assert opener.problems == []
