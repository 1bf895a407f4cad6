"""What notebooks make of an output: those that trust it, and those that take out what they do not know."""

from __future__ import annotations

import html
from html.parser import HTMLParser
from typing import Any

__all__ = ["exported", "frames_of", "without_frames"]

_GONE = ("script", "style", "iframe", "svg", "link", "object", "embed")
_ATTRIBUTES = ("class", "style", "title", "alt", "src", "width", "height")


def exported(bundles: list[dict[str, str]]) -> str:
    """Return the page that nbconvert makes of outputs, without the scripts that it fetches by itself."""
    import warnings

    import nbformat
    from nbconvert import HTMLExporter

    cells: list[Any] = []
    for number, bundle in enumerate(bundles):
        output = nbformat.v4.new_output("execute_result", data=bundle, execution_count=number + 1)
        cells.append(nbformat.v4.new_code_cell(f"show({number})", outputs=[output]))
    notebook = nbformat.v4.new_notebook(cells=cells)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's libraries
        exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
        return exporter.from_notebook_node(notebook)[0]


class _Sanitizer(HTMLParser):
    """Keeps plain elements and the attributes that change only how they look, as JupyterLab and GitHub do."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []
        self.inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _GONE:
            self.inside += 1
        elif not self.inside:
            said = "".join(f' {n}="{html.escape(v or "")}"' for n, v in attrs if n in _ATTRIBUTES)
            self.kept.append(f"<{tag}{said}>")

    def handle_endtag(self, tag: str) -> None:
        if tag in _GONE:
            self.inside -= 1
        elif not self.inside:
            self.kept.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self.inside:
            self.kept.append(html.escape(data))


def without_frames(output: str) -> str:
    """Return HTML as a notebook shows it that does not trust it: no frame, script, style sheet or drawing."""
    sanitizer = _Sanitizer()
    sanitizer.feed(output)
    return "".join(sanitizer.kept)


class _Frames(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "iframe":
            self.found.append({name: value or "" for name, value in attrs})


def frames_of(output: str) -> tuple[list[dict[str, str]], list[str]]:
    """Return the attributes of every ``<iframe>`` of a piece of HTML, and the names of all its elements."""
    frames = _Frames()
    frames.feed(output)
    return frames.found, frames.tags
