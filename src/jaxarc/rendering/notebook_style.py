"""The look of what shows itself in a notebook: one small style sheet, and the element it is bound to."""

from __future__ import annotations

import re
from functools import lru_cache

from jaxarc.rendering.palette import THEMES

__all__ = ["notebook_cell"]

_COLOURS = ("background", "ink", "muted", "line", "accent", "good", "bad")

_LIGHT_PLACES = (
    "[data-jp-theme-light=true],.vscode-light,.vscode-high-contrast-light,html[theme=light],.light"
)
_DARK_PLACES = (
    "[data-jp-theme-light=false],.vscode-dark,.vscode-high-contrast:not(.vscode-high-contrast-light),"
    "html[theme=dark],.dark"
)
"""How JupyterLab and nbconvert, VS Code, Colab and marimo say which theme they show."""

# "&" is the cell. Written three times over it outweighs whatever a notebook says of tables and headings.
_RULES = """
& { background: var(--background); color: var(--ink); padding: 8px 10px; border-radius: 6px; overflow: auto;
  font: 13px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; text-align: left;
  max-width: 1200px; box-sizing: border-box; }
& :is(p, h4, ul, li, table, caption, thead, tbody, tr, th, td, a, code, b, dl, dt, dd, figure) { all: revert;
  box-sizing: border-box; }
& :is(p, h4, ul, dl, dd, figure) { margin: 0; }
& h4 { font-size: 15px; font-weight: 600; line-height: 1.4; }
& ul { padding-left: 18px; }
& a { color: var(--accent); }
& code { font: 12px/1.5 ui-monospace, Menlo, Consolas, monospace; color: inherit; background: none;
  padding: 0; }
& .muted { color: var(--muted); }
& .good { color: var(--good); }
& .bad { color: var(--bad); }
& .badge { font-size: 11px; font-weight: 600; padding: 1px 8px; border: 1px solid currentColor;
  border-radius: 999px; white-space: nowrap; vertical-align: 1px; }
& .note { color: var(--muted); font-size: 12px; }
& .scroll { overflow: auto; max-height: 520px; }
& table { border-collapse: collapse; font: inherit; font-variant-numeric: tabular-nums; margin: 4px 0;
  color: inherit; }
& caption { text-align: left; caption-side: top; color: var(--muted); font-size: 12px; padding: 0 0 4px; }
& :is(th, td) { padding: 3px 14px 3px 0; text-align: left; vertical-align: baseline; white-space: nowrap;
  border: 0; border-bottom: 1px solid var(--line); max-width: 320px; overflow: hidden;
  text-overflow: ellipsis; }
& th { font-weight: 600; color: var(--muted); font-size: 12px; }
& thead th { position: sticky; top: 0; background: var(--background); }
& .number { text-align: right; }
& tbody tr:hover td { background: color-mix(in srgb, var(--line) 40%, transparent); }
"""


def _theme(name: str) -> str:
    theme = THEMES[name]
    return "".join(f"--{colour}:{getattr(theme, colour)};" for colour in _COLOURS) + f"color-scheme:{name};"


@lru_cache(maxsize=1)
def _style_sheet() -> str:
    light, dark = _theme("light"), _theme("dark")
    themes = (
        f".jaxarc{{{light}}}"
        f"@media (prefers-color-scheme:dark){{.jaxarc{{{dark}}}}}"
        f":is({_LIGHT_PLACES}) .jaxarc{{{light}}}"
        f":is({_DARK_PLACES}) .jaxarc{{{dark}}}"
    )
    rules = re.sub(r"\s+", " ", _RULES).replace("} ", "}").replace("; }", "}").strip()
    return themes + rules.replace("& ", ".jaxarc.jaxarc.jaxarc ")


def notebook_cell(body: str, more_rules: str = "") -> str:
    """Wrap a piece of HTML so that it looks the same in every notebook, and changes nothing beside it.

    System fonts; light or dark as the notebook says it is (JupyterLab, nbconvert, VS Code, Colab, marimo), or
    as the system where it says nothing. The rules count inside the cell alone, and the notebook's rules for
    tables do not count there. It paints its background, so its text can be read on any page. Where a notebook
    strips style sheets from what it does not trust, plain HTML is left, and no rule is shown as text.

    What they dress: ``h4``, ``p``, ``ul``, ``code``, tables (``th``, ``td``, ``class="number"`` to the right,
    ``caption``; long entries end in an ellipsis, so give them a ``title``), ``div class="scroll"`` around
    what may be long or wide, and the classes ``muted``, ``note`` (small, muted), ``good``, ``bad`` and
    ``badge``.

    Args:
        body: HTML; text from outside is escaped by who writes it (``rendering.text.escape``).
        more_rules: CSS of what is in this cell alone; ``&`` before each selector, and a space after it.

    Returns:
        HTML text without scripts, ids and addresses; the same for the same body.
    """
    css = _style_sheet() + more_rules.replace("& ", ".jaxarc.jaxarc.jaxarc ")
    # Hidden: a sanitiser that escapes what it does not allow would show the rules as text.
    return f'<div class="jaxarc"><div style="display:none"><style>{css}</style></div>{body}</div>'
