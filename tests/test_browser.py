"""The browser of the tests notices what a page does wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser import OpenPage

_POLICY = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<script>console.error('broken')</script>", "broken"),
        ("<script>throw new Error('thrown')</script>", "thrown"),
        ("<img src='https://example.com/a.png'>", "request: https://example.com/a.png"),
        (f"{_POLICY}<script>1</script>", "CSP violation: script-src-elem inline"),
    ],
    ids=["console", "exception", "request", "policy"],
)
def test_what_a_page_does_wrong_is_noticed(
    open_page: OpenPage, tmp_path: Path, body: str, found: str
) -> None:
    """An error on the console, an exception, a request and a breach of the policy are problems, each."""
    path = tmp_path / "page.html"
    path.write_text(f"<!doctype html><title>a page</title>{body}")
    open_page(path).wait_for_timeout(50)
    assert any(found in problem for problem in open_page.problems), open_page.problems
    open_page.problems.clear()


def test_a_page_that_does_nothing_wrong_has_no_problems(
    open_page: Callable[..., object], tmp_path: Path
) -> None:
    """A page of text passes; the fixture itself checks it."""
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><title>a page</title><p>text")
    open_page(path)
