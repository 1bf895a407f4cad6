"""Many environments in one picture: a grid of small states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.reel_pictures import BatchData, BatchItem
from jaxarc.rendering.document import document, headline, place
from jaxarc.rendering.leaves import main_leaf
from jaxarc.rendering.picture import Picture, is_board, pictures_of
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, label, number, width_of

__all__ = ["render_batch"]

_MARGIN = 24.0
_WIDTH = 912.0
_SHOWN_AT_MOST = 1024
_WORDS_FROM = 64.0
_NUMBERS_FROM = 30.0
_NEEDS_WIDTH = 130.0
_OUTCOMES = ("solved", "not solved", "open")


def _colour(outcome: str, style: Style) -> str:
    theme = style.colours
    return {"solved": theme.good, "not solved": theme.bad}.get(outcome, theme.grid)


def _columns(count: int, least: float) -> int:
    """Return columns of a grid about half as wide again as it is high, of slots that are wide enough."""
    wanted = int(np.ceil(np.sqrt(count * 1.6)))
    return max(1, min(count, wanted, int(_WIDTH // least)))


def _fitting(candidates: Sequence[str], room: float, size: float) -> str:
    """Return the first of some texts that fits as it is; an empty one where none does."""
    return next((words for words in candidates if width_of(words, size) <= room), "")


def _tile(item: BatchItem, picture: Picture | None, side: float, tall: float, style: Style) -> str:
    """Draw a state down to ``tall``, and below it the bar of its outcome and what there is room to say."""
    theme = style.colours
    parts = []
    if picture is None:
        box = f'x="0.5" y="0.5" width="{side - 1:g}" height="{max(tall, 8) - 1:g}" rx="3"'
        parts.append(f'<rect {box} fill="none" stroke="{theme.muted}" stroke-dasharray="3 3"/>')
    else:
        parts.append(place(0, round(tall - picture.height, 1), picture.body))
    thick = 3 if side >= _NUMBERS_FROM else 2
    colour = _colour(item.outcome, style)
    parts.append(f'<rect y="{tall + 3:g}" width="{side:g}" height="{thick}" fill="{colour}"/>')
    if side >= _WORDS_FROM:
        words = f"env {item.env_id}"
        parts.append(label(0, tall + 20, words, 11, theme.ink, bold=True, max_width=side))
        after = side - width_of(words, 11, bold=True) - 8
        reward = number(item.reward, signed=True) if np.isfinite(item.reward) else ""
        if style.include_metrics:
            reward = _fitting([reward], after, 11)
            parts.append(label(side, tall + 20, reward, 11, theme.muted, anchor="end"))
        step = "" if item.step is None else f"step {item.step:,}"
        told = clean(item.words)
        said = _fitting([" · ".join(filter(None, (told, step))), told, step], side, 10)
        parts.append(label(0, tall + 34, said, 10, theme.muted))
    elif side >= _NUMBERS_FROM:
        parts.append(label(0, tall + 17, item.env_id, 10, theme.muted, max_width=side))
    return "".join(parts)


def _pictures(states: Sequence[Any], side: float, style: Style, *, is_arc: bool) -> list[Picture]:
    """Draw states: boards each as large as there is room, anything else on one scale."""
    quiet = Style(style.palette, style.theme, show_digits=style.show_digits)
    if all(isinstance(state, np.ndarray) and is_board(state) for state in states):
        return [pictures_of([state], quiet, side, arc=is_arc)[0] for state in states]
    return pictures_of(states, quiet, side, arc=is_arc)


def _legend(data: BatchData, style: Style) -> str:
    x, parts = 0.0, []
    for outcome in _OUTCOMES:
        count = sum(item.outcome == outcome for item in data.items)
        if not count:
            continue
        words = f"{outcome} {count:,}"
        parts.append(f'<rect x="{x:g}" y="-4" width="14" height="3" fill="{_colour(outcome, style)}"/>')
        parts.append(label(x + 20, 0, words, 11, style.colours.ink))
        x += round(20 + width_of(words, 11) + 22)
    return "".join(parts)


def render_batch(data: BatchData, style: Style | None = None) -> str:
    """Draw many environments as an SVG document: a small state each, with a bar that says how it went.

    Environments have their number and reward while there is room for them; up to 1,024 are shown, and the
    others counted.

    Args:
        data: the environments.
        style: the look; the default one when left off.

    Returns:
        SVG text; the same bytes for the same environments.

    Raises:
        RenderError: no environment.
    """
    style = style or Style()
    theme = style.colours
    if not data.items:
        raise RenderError("a batch needs at least one environment, got none")
    shown = data.items[:_SHOWN_AT_MOST]
    states = [item.state for item in shown if item.state is not None]
    flat = any(main_leaf(state).ndim < 2 for state in states)
    columns = _columns(len(shown), _NEEDS_WIDTH if flat else 1.0)
    gap = 16.0 if columns <= 12 else 6.0 if columns <= 30 else 4.0
    side = min((_WIDTH + gap) / columns - gap, 180.0)
    drawn = iter(_pictures(states, side, style, is_arc=data.is_arc))
    pictures = [None if item.state is None else next(drawn) for item in shown]
    foot = 58 if side >= _WORDS_FROM else 24 if side >= _NUMBERS_FROM else 9
    total = max(data.num_envs, len(data.items))
    count = "1 environment" if total == 1 else f"{total:,} environments"
    top = 0.0
    parts = []
    if data.title:
        parts.append(label(0, 12, data.title, 13, theme.muted, max_width=_WIDTH))
        top = 26.0
    parts.append(headline(top + 20, count, data.heading, style))
    parts.append(place(0, top + 46, _legend(data, style)))
    y = top + 66
    for first in range(0, len(shown), columns):
        row = range(first, min(first + columns, len(shown)))
        tall = max((picture.height for index in row if (picture := pictures[index])), default=side)
        for index in row:
            tile = _tile(shown[index], pictures[index], side, tall, style)
            parts.append(place(round((index - first) * (side + gap), 1), round(y, 1), tile))
        y += tall + foot
    if total > len(shown):
        y = max(y, y + 24 - foot)
        parts.append(label(0, y + 6, f"{total - len(shown):,} more environments", 12, theme.muted))
        y += 20
    inner = max(columns * (side + gap) - gap, 420.0)
    body = place(_MARGIN, _MARGIN, "".join(parts))
    return document(inner + 2 * _MARGIN, round(y - 12 + 2 * _MARGIN), body, style, f"{count}, {data.heading}")
