"""Pages by Plotly that hold everything they need: they open from a disk or a mail, without network."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np

from jaxarc.rendering.optional import import_extra
from jaxarc.rendering.text import escape

__all__ = ["PAGE_SHARE", "plotly_page", "typed_values"]

PAGE_SHARE = 20
"""A page grows with what it shows: writing it again takes one part in so many of the time at most."""

_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def typed_values(values: np.ndarray) -> dict[str, Any]:
    """Return an array as Plotly reads it, in base64; what is no finite number is a gap."""
    plain = np.where(np.isfinite(values), values, np.nan).astype("<f4" if values.ndim == 2 else "<f8")
    said: dict[str, Any] = {
        "dtype": plain.dtype.str[1:],
        "bdata": base64.b64encode(plain.tobytes()).decode("ascii"),
    }
    return said if plain.ndim == 1 else {**said, "shape": ", ".join(map(str, plain.shape))}


@lru_cache(maxsize=4)
def _parts(kind: str) -> tuple[str, str, str, str, str]:
    """Return template, style sheet, Plotly, the page's own script, and the policy that allows just these."""
    folder = files("jaxarc.visualization") / "templates"

    def read(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    plotly = import_extra("plotly.offline", "plots", "a page by Plotly").get_plotlyjs()
    script = f"{read('plots.js')}{read(f'{kind}.js')}"
    # Plotly writes rules of its own into a style sheet, and shows a heat map as an image in the page.
    policy = (
        f"default-src 'none'; script-src {_hash(plotly)} {_hash(script)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return read("plot_page.html"), read("plot_page.css"), plotly, script, policy


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") + "'"


def plotly_page(kind: str, data: Mapping[str, Any], *, title: str, run: str, words: str = "") -> bytes:
    """Return a page to zoom and to browse in.

    Its Content-Security-Policy allows Plotly and the page's own script, by their hashes, and no request.

    Args:
        kind: ``heat_map`` or ``curves``.
        data: what the page's script reads; JSON.
        title, run, words: what stands on top.

    Raises:
        RenderError: the extra ``plots`` is not installed.
    """
    template, css, plotly, script, policy = _parts(kind)
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    values = {
        "policy": policy,
        "css": css,
        "title": escape(title),
        "run": escape(run),
        "words": escape(words),
        "data": "".join(_IN_SCRIPT.get(char, char) for char in text) if _has_marks(text) else text,
        "plotly": plotly,
        "script": script,
    }
    made = []
    for part in template.split("{{"):  # split before anything is put in, so no value is a template
        name, closed, rest = part.partition("}}")
        made.append(values[name.strip()] + rest if closed else part)
    return "".join(made).encode("utf-8", "replace")


def _has_marks(text: str) -> bool:
    return any(mark in text for mark in _IN_SCRIPT)
