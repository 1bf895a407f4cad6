"""A whole run as one picture: return, success and length over environment steps, and every episode below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.run_pictures import HeatStrip, RunPictureData, SlotCurve, StreamPicture
from jaxarc.rendering.chart import Scale, band, curve, end_point, frame, step_axis, value_scale
from jaxarc.rendering.document import badge, document, headline, place
from jaxarc.rendering.paths import value_runs
from jaxarc.rendering.picture import Picture
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import label, number, width_of

__all__ = ["render_run"]

_WIDTH = 960.0
_MARGIN = 24.0
_LEFT = 92.0
_ROW = 13.0
_LEVELS = 12
_BANDS = {
    "range": "band: lowest to highest of the {members} members",
    "error": "band: one standard error of the mean",
    "none": "",
}
_NOTE = 130.0
"""Pixels that the words at the right of a heading may take."""


def _mixed(low: str, high: str, share: float) -> str:
    """Return the colour that lies between two, ``#RRGGBB``, in equal steps of sRGB."""
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (low, high)]
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in zip(*ends, strict=True))


def _ramp(strip: HeatStrip, style: Style) -> list[str]:
    """Return the colours of a strip from its lowest to its highest value."""
    theme = style.colours
    highest = theme.good if strip.values_are == "success rate" else theme.accent
    return [_mixed(theme.line, highest, level / (_LEVELS - 1)) for level in range(_LEVELS)]


def _share(value: float) -> str:
    if 0.0 < value < 0.001 or 0.999 < value < 1.0:
        return "<0.1%" if value < 0.5 else ">99.9%"
    return f"{value * 100:.0f}%" if value in (0.0, 1.0) or 0.1 <= value <= 0.99 else f"{value * 100:.1f}%"


def _last(values: np.ndarray) -> float | None:
    known = np.flatnonzero(np.isfinite(values))
    return float(values[known[-1]]) if known.size else None


def _panel(
    heading: str,
    found: SlotCurve,
    xs: np.ndarray,
    colour: str,
    tall: float,
    right: float,
    style: Style,
    *,
    is_share: bool = False,
    dots: np.ndarray | None = None,
) -> str:
    """Draw one number over the steps, ``tall`` pixels high below its heading."""
    theme = style.colours
    values = np.concatenate([found.mean, found.low, found.high, [] if dots is None else dots[:, 1]])
    values = np.append(values, [0.0, 1.0]) if is_share else values
    finite = values[np.isfinite(values)]
    spread = float(np.ptp(finite)) if finite.size else 0.0
    near_zero = not finite.size or float(np.abs(finite).min()) <= 2 * spread or spread == 0
    up = value_scale(values, 18 + tall, 20.0, with_zero=near_zero)
    parts = [label(0, 8, heading, 11, colour, bold=True)]
    last = _last(found.mean)
    if last is not None:
        words = f"{_share(last) if is_share else number(last)} at the end"
        parts.append(label(right, 8, words, 11, theme.muted, anchor="end"))
    parts.append(frame(up, _LEFT, right, style))
    known = np.isfinite(found.mean) & np.isfinite(xs)
    if not known.any():
        middle = (_LEFT + right) / 2
        parts.append(label(middle, 24 + tall / 2, "not known", 12, theme.muted, anchor="middle"))
        return "".join(parts)
    if dots is not None and len(dots):
        places = zip(dots[:, 0].tolist(), up(dots[:, 1]).tolist(), strict=True)
        path = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in places)
        look = f'stroke="{colour}" stroke-opacity=".3" stroke-width="4" stroke-linecap="round"'
        parts.append(f'<path d="{path}" {look}/>')
    at = xs[known]
    parts.append(band(at, up(found.low[known]), up(found.high[known]), colour))
    ys = up(found.mean[known])
    parts.append(curve(at, ys, colour) + end_point(at, ys, colour, style))
    return "".join(parts)


def _strip(strip: HeatStrip, across: Scale, right: float, style: Style) -> Picture:
    """Draw a row for each task or group of environments, its colour what became of the episodes."""
    theme = style.colours
    values = np.asarray(strip.values, dtype=float)
    rows, slots = values.shape
    if rows != len(strip.rows):
        raise RenderError(f"the strip has {rows} rows of values, but {len(strip.rows)} names")
    finite = values[np.isfinite(values)]
    is_share = strip.values_are == "success rate"
    low, high = (0.0, 1.0) if is_share or not finite.size else (float(finite.min()), float(finite.max()))
    colours = _ramp(strip, style)
    what = "task" if strip.rows_are == "task" else "environment"
    parts = [label(0, 8, f"Episodes by {what}", 11, theme.ink, bold=True)]
    parts.append(_key(strip.values_are, low, high, colours, right, style))
    shares = (values - low) / (high - low) if high > low else np.where(np.isfinite(values), 1.0, np.nan)
    levels = np.rint(np.nan_to_num(shares, nan=0.0).clip(0.0, 1.0) * (_LEVELS - 1)).astype(int)
    codes = np.where(np.isfinite(values), levels, -1)
    each = (across.stop - across.start) / max(slots, 1)
    cells = "".join(
        f'<path stroke="{colours[value]}" d="{path}"/>' for value, path in value_runs(codes, without=-1)
    )
    crisp = 'fill="none" stroke-width=".82" shape-rendering="crispEdges"'
    scale = f'transform="translate({across.start:g} {20 + _ROW / 2:g}) scale({each:.5g} {_ROW:g})"'
    parts.append(f"<g {scale} {crisp}>{cells}</g>")
    for index, name in enumerate(strip.rows):
        y = 20 + _ROW * index + 9.5
        parts.append(label(_LEFT - 8, y, name, 10, theme.muted, anchor="end", max_width=_LEFT - 10))
    return Picture(right, 20 + _ROW * rows, "".join(parts))


def _key(words: str, low: float, high: float, colours: Sequence[str], right: float, style: Style) -> str:
    """Draw what the colours of a strip mean, at the right end of its heading."""
    theme = style.colours
    ends = (_share(low), _share(high)) if words == "success rate" else (number(low), number(high))
    if low == high and words != "success rate":
        swatch = f'<path d="M{right - 12:g} 0h12v8h-12z" fill="{colours[-1]}"/>'
        return swatch + label(right - 18, 8, f"{words} {ends[1]}", 11, theme.muted, anchor="end")
    parts = [label(right, 8, ends[1], 11, theme.muted, anchor="end")]
    x = right - width_of(ends[1], 11) - 6 - 6 * len(colours)
    for index, colour in enumerate(colours):
        parts.append(f'<path d="M{x + 6 * index:.1f} 0h6v8h-6z" fill="{colour}"/>')
    parts.append(label(round(x - 6, 1), 8, f"{words} {ends[0]}", 11, theme.muted, anchor="end"))
    return "".join(parts)


def _counts(data: StreamPicture) -> str:
    """Say how many episodes the curves of a stream are made of, and which are not among them."""
    words = [f"{data.num_episodes:,} episode{'' if data.num_episodes == 1 else 's'} ended"]
    if data.num_members > 1:
        words[0] += f" in {data.num_members:,} members"
    left_out = []
    if data.num_cut:
        left_out.append(f"{data.num_cut:,} that the end of the recording cut")
    if data.num_running:
        left_out.append(f"{data.num_running:,} still running")
    if data.num_without_return:
        left_out.append(f"of the returns {data.num_without_return:,} that are not finite")
    return " · ".join([*words, *(["left out: " + ", ".join(left_out)] if left_out else [])])


def _meaning(data: StreamPicture) -> str:
    """Say what a point and the band of a stream's curves are."""
    if not data.num_episodes:
        return ""
    words = f"each point: mean of the episodes that ended within {data.slot_steps:,} environment steps"
    if data.slot_steps == 1:
        words = "each point: mean of the episodes that ended at one environment step"
    if data.num_members > 1:
        words += ", first within each member"
    said = _BANDS[data.band].format(members=f"{data.num_members:,}")
    return f"{words} · {said}" if said else words


def _resumed(data: StreamPicture, across: Scale, spans: Sequence[tuple[float, float]], style: Style) -> str:
    """Draw a line through every chart where a later attempt went on, and the word beside the first chart."""
    theme = style.colours
    parts, free_from = [], _LEFT
    for step in sorted(set(data.resumed_at)):
        x = across.at(min(max(float(step), across.low), across.high))
        path = "".join(f"M{x:.1f} {top:g}V{bottom:g}" for top, bottom in spans)
        parts.append(f'<path d="{path}" stroke="{theme.muted}" stroke-dasharray="3 3"/>')
        left = max(x - 24, _LEFT)
        if left < free_from:
            continue
        free_from = left + 60
        if left > across.stop - _NOTE - 50:  # what the curve is at the end stands there
            parts.append(label(round(x - 5, 1), spans[0][0] + 12, "resumed", 11, theme.muted, anchor="end"))
        else:
            parts.append(label(round(left, 1), spans[0][0] - 12, "resumed", 11, theme.muted))
    return "".join(parts)


def _stream(data: StreamPicture, width: float, style: Style) -> Picture:
    """Draw one stream: its curves above each other, its strip below them, over one axis."""
    theme = style.colours
    parts = [label(0, 13, data.stream or "unnamed", 15, theme.ink, bold=True, max_width=width)]
    parts.append(label(0, 31, _counts(data), 11, theme.muted, max_width=width))
    parts.append(label(0, 46, _meaning(data), 11, theme.muted, max_width=width))
    last = float(max(data.num_slots, 1) * data.slot_steps)
    right = width - 18
    across = Scale(0.0, last, _LEFT, right)
    xs = across(data.at)
    dots = data.dots.copy()
    dots[:, 0] = across(dots[:, 0])
    y = 72.0
    panels = [
        ("Return", data.returns, theme.accent, 116.0, False),
        ("Success", data.success, theme.good, 70.0, True),
        ("Length", data.lengths, theme.ink, 60.0, False),
    ]
    spans = []
    for heading, found, colour, tall, is_share in panels:
        if found is None:
            continue
        shown = dots if heading == "Return" else None
        panel = _panel(heading, found, xs, colour, tall, right, style, is_share=is_share, dots=shown)
        parts.append(place(0, y, panel))
        spans.append((y + 20, y + 18 + tall))
        y += 20 + tall + 22
    if data.strip is not None and len(data.strip.rows):
        strip = _strip(data.strip, across, right, style)
        parts.append(place(0, y, strip.body))
        spans.append((y + 20, y + strip.height))
        y += strip.height + 12
    parts.append(_resumed(data, across, spans, style))
    y -= 14
    parts.append(step_axis(across, last, y + 6, style, words="environment step"))
    return Picture(width, y + 42, "".join(parts))


def _status_colour(status: str, style: Style) -> str:
    theme = style.colours
    return {"FINISHED": theme.good, "RUNNING": theme.accent, "FAILED": theme.bad}.get(status, theme.muted)


def _heading(data: RunPictureData, width: float, style: Style) -> Picture:
    theme = style.colours
    words = data.status.capitalize()
    parts = [badge(width, 0, words, _status_colour(data.status, style), style)] if words else []
    parts.append(label(0, 12, data.name, 13, theme.muted, max_width=width - 140))
    solved = "" if data.num_solved is None else f"{data.num_solved:,} solved · "
    steps = f"{solved}{data.env_steps:,} environment step{'' if data.env_steps == 1 else 's'}"
    parts.append(headline(46, _episodes(data), steps, style))
    parts.append(f'<path d="M0 66h{width:g}" stroke="{theme.line}"/>')
    return Picture(width, 90, "".join(parts))


def _episodes(data: RunPictureData) -> str:
    return f"{data.num_episodes:,} episode{'' if data.num_episodes == 1 else 's'}"


def render_run(data: RunPictureData, style: Style | None = None, *, with_heading: bool = True) -> str:
    """Draw a whole run as an SVG document, 960 pixels wide.

    Each stream has curves of return, success rate and episode length over its environment steps, and a heat
    strip of its episodes. A point of a curve is the mean of the episodes that ended within a slot of
    environment steps: first within each member, then over the members; points are joined by lines and not
    smoothed further. The band reaches from the lowest to the highest member; where there is one member it is
    one standard error of the mean to either side, s / sqrt(n) with the sample standard deviation s of the n
    episodes of the slot (Altman and Bland, "Standard deviations and standard errors", BMJ 331:903, 2005).
    The picture says which.

    Args:
        data: the run; it may have no episode.
        style: the look; the default one when left off.
        with_heading: whether its name, status and numbers stand above.

    Returns:
        SVG text; the same bytes for the same run.

    Raises:
        RenderError: a strip whose rows and names differ in number.
    """
    style = style or Style()
    theme = style.colours
    inner = _WIDTH - 2 * _MARGIN
    heading = _heading(data, inner, style) if with_heading else Picture(inner, 0, "")
    parts, y = [heading.body], heading.height
    for stream in data.streams:
        picture = _stream(stream, inner, style)
        parts.append(place(0, y, picture.body))
        y += picture.height + 28
    if not data.streams:
        nothing = "No episode is on disk yet." if data.status == "RUNNING" else "No episode was recorded."
        parts.append(label(0, y + 4, nothing, 13, theme.muted))
        y += 40
    if data.num_streams_left_out:
        more = f"{data.num_streams_left_out:,} more streams are not drawn"
        parts.append(label(0, y - 6, more, 11, theme.muted))
        y += 20
    body = place(_MARGIN, _MARGIN, "".join(parts))
    return document(_WIDTH, round(y - 28 + 2 * _MARGIN), body, style, f"Run {data.name}, {_episodes(data)}")
