"""What shows itself in a notebook looks like itself there, and leaves the rest of the notebook alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browser import OpenPage

from jaxarc.rendering.notebook_style import notebook_cell
from jaxarc.rendering.palette import THEMES

TABLE = (
    "<table><thead><tr><th>task</th></tr></thead><tbody><tr><td class='number'>7</td></tr></tbody></table>"
)

JUPYTER = """
.jp-RenderedHTMLCommon td, .jp-RenderedHTMLCommon th { text-align: right; padding: 40px; color: red; }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: rgb(1, 2, 3); }
.jp-RenderedHTMLCommon table { font-size: 30px; margin-left: 200px; }
"""


def _page(tmp_path: Path, body: str, attributes: str = "") -> Path:
    path = tmp_path / "notebook.html"
    path.write_text(f"<!doctype html><style>{JUPYTER}</style><body {attributes}>{body}</body>")
    return path


def _style(page, selector: str, name: str) -> str:
    return page.locator(selector).first.evaluate(f"e => getComputedStyle(e)['{name}']")


def _rgb(colour: str) -> str:
    return "rgb({}, {}, {})".format(*(int(colour[i : i + 2], 16) for i in (1, 3, 5)))


def test_rules_of_a_notebook_and_of_a_cell_do_not_touch_each_other(
    open_page: OpenPage, tmp_path: Path
) -> None:
    """JupyterLab's rules for tables do not count in the cell; a table beside the cell keeps them."""
    outside = TABLE.replace("<table>", "<table id='outside'>")
    body = f"<div class='jp-RenderedHTMLCommon'>{notebook_cell(TABLE)}{outside}</div>"
    page = open_page(_page(tmp_path, body))
    assert _style(page, ".jaxarc th", "textAlign") == "left"
    assert _style(page, ".jaxarc td", "textAlign") == "right"  # of class number
    assert _style(page, ".jaxarc td", "paddingTop") == "3px"
    assert _style(page, ".jaxarc td", "color") == _rgb(THEMES["light"].ink)
    assert _style(page, ".jaxarc tbody tr", "backgroundColor") == "rgba(0, 0, 0, 0)"
    assert (_style(page, ".jaxarc table", "marginLeft"), _style(page, ".jaxarc table", "fontSize")) == (
        "0px",
        "13px",
    )
    assert (_style(page, "#outside td", "color"), _style(page, "#outside td", "paddingTop")) == (
        *("rgb(255, 0, 0)", "40px"),
    )
    assert _style(page, "#outside", "fontSize") == "30px"


@pytest.mark.parametrize(
    ("attributes", "system", "theme"),
    [
        ("", "light", "light"),
        ("", "dark", "dark"),
        ("data-jp-theme-light='true'", "dark", "light"),
        ("data-jp-theme-light='false'", "light", "dark"),
        ("class='vscode-dark'", "light", "dark"),
        ("class='vscode-light'", "dark", "light"),
        ("class='dark'", "light", "dark"),
        ("class='vscode-high-contrast vscode-high-contrast-light'", "dark", "light"),
    ],
    ids=["system", "dark system", "lab", "dark lab", "dark vscode", "vscode", "dark marimo", "contrast"],
)
def test_a_cell_is_light_or_dark_as_its_notebook_says(
    open_page: OpenPage, tmp_path: Path, attributes: str, system: str, theme: str
) -> None:
    """The notebook's word counts, and where it says nothing the system's; background and text go together."""
    page = open_page(_page(tmp_path, notebook_cell("<p>words</p>"), attributes), color_scheme=system)
    assert _style(page, ".jaxarc", "backgroundColor") == _rgb(THEMES[theme].background)
    assert _style(page, ".jaxarc p", "color") == _rgb(THEMES[theme].ink)
    assert _style(page, ".jaxarc", "colorScheme") == theme


def test_every_rule_is_bound_to_the_cell() -> None:
    """No selector is without the cell's class, and nothing is fetched, run or named."""
    cell = notebook_cell("", "& .mine { color: red; }")
    css = cell.split("<style>")[1].split("</style>")[0]
    selectors = [each for each in re.findall(r"([^{}]+)\{", css) if not each.startswith("@")]
    assert len(selectors) > 20
    assert all(".jaxarc" in selector for selector in selectors), selectors
    assert ".jaxarc.jaxarc.jaxarc .mine" in css
    assert not re.search(r"url\(|@import|@font-face|<script| id=", cell)
    assert len(cell) < 4_000
