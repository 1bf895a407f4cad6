"""A page that plays in a notebook's cell: in a frame of its own, over a picture that is there without it."""

from __future__ import annotations

import base64

from jaxarc.rendering.notebook_style import notebook_cell
from jaxarc.rendering.text import escape

__all__ = ["framed_page"]

_HEIGHT = 560
_RULES = f"""
& .stage {{ display: grid; }}
& .stage > * {{ grid-area: 1 / 1; min-width: 0; }}
& .still {{ max-height: {_HEIGHT - 4}px; overflow: hidden; margin: 2px; border-radius: 6px; }}
& .still img {{ max-height: {_HEIGHT - 30}px; }}
& .frame {{ position: relative; height: {_HEIGHT}px !important; }}
& iframe {{ display: block; width: 100%; height: {_HEIGHT}px; box-sizing: border-box; background: none;
  border: 1px solid var(--line); border-radius: 6px; }}
"""


def framed_page(page: str, title: str, picture: bytes = b"", words: str = "") -> str:
    """Return a page as HTML for a notebook's cell, apart from everything else in the notebook.

    The page is the source of an ``<iframe>`` without an origin, in which scripts run and nothing else is
    allowed. Under it lies a picture: it is what is seen where a notebook strips frames from what it does not
    trust, or a site shows notebooks without them. The frame is light or dark as the cell is.

    Args:
        page: a whole HTML document that needs nothing from elsewhere.
        title: what the frame is called, for who cannot see it; plain text.
        picture: a PNG file of what the page shows; without one the words are alone there.
        words: what is said under the picture; plain text.

    Returns:
        HTML text; no script of it runs in the notebook itself.
    """
    # Within apostrophes a page's many quotation marks stay as they are.
    source = page.replace("&", "&amp;").replace("'", "&#39;").replace("<", "&lt;").replace(">", "&gt;")
    name = escape(title)
    still = ""
    if picture:
        data = base64.b64encode(picture).decode("ascii")
        look = "max-width:100%;height:auto"
        still = f'<img style="{look}" alt="{name}" src="data:image/png;base64,{data}">'
    if words:
        still += f'<p class="note">{escape(words)}</p>'
    frame = f'<iframe sandbox="allow-scripts" loading="lazy" title="{name}" srcdoc=\'{source}\'></iframe>'
    # No height of its own: a sanitiser that escapes the frame would show the whole page as text.
    hidden = "height:0;overflow:hidden"
    over = f'<div class="frame" style="{hidden}">{frame}</div>'
    return notebook_cell(f'<div class="stage"><div class="still">{still}</div>{over}</div>', _RULES)
