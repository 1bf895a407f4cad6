"""The returns of a run as one small curve, for beside its name."""

from __future__ import annotations

import numpy as np

from jaxarc.records.run_pictures import StreamPicture
from jaxarc.rendering.chart import Scale, band, curve, value_scale
from jaxarc.rendering.text import FONT_FAMILY, escape, label, number

__all__ = ["return_curve"]

_WIDTH, _HEIGHT = 340.0, 92.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 332.0, 8.0, 66.0
# Seen on white and on black: what shows it has a theme of its own.
_LINE, _WORDS = "#4C86E8", "#808892"


def return_curve(stream: StreamPicture) -> str:
    """Draw the mean return of a stream's episodes over its environment steps as an SVG of 340 x 92 pixels.

    Its background is transparent, and its colours can be seen on a light one and on a dark one.

    Args:
        stream: the stream.

    Returns:
        SVG text; empty where no episode ended, or no return is finite.
    """
    returns = stream.returns
    known = np.isfinite(stream.at) & np.isfinite(returns.mean)
    if not known.any():
        return ""
    last = float(max(stream.num_slots, 1) * stream.slot_steps)
    across = Scale(0.0, last, _LEFT, _RIGHT)
    up = value_scale(
        np.concatenate([returns.mean, returns.low, returns.high]), _BOTTOM, _TOP, with_zero=False
    )
    xs, ys = across(stream.at[known]), up(returns.mean[known])
    parts = [f'<path d="M{_LEFT:g} {_BOTTOM + 3:g}H{_RIGHT:g}" stroke="{_WORDS}" stroke-opacity=".5"/>']
    parts.append(band(xs, up(returns.low[known]), up(returns.high[known]), _LINE))
    parts.append(curve(xs, ys, _LINE))
    for value, y in ((up.high, _TOP + 4), (up.low, _BOTTOM + 2)):
        parts.append(label(_LEFT - 6, y, number(value), 10, _WORDS, anchor="end", max_width=_LEFT - 8))
    parts.append(label(_LEFT, _BOTTOM + 17, "return", 10, _WORDS))
    steps = f"{int(last):,} environment steps"
    parts.append(label(_RIGHT, _BOTTOM + 17, steps, 10, _WORDS, anchor="end"))
    size = f'width="{_WIDTH:g}" height="{_HEIGHT:g}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}"'
    about = escape(f"return over {steps}")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT_FAMILY}" role="img"'
    return f'{head} aria-label="{about}">{"".join(parts)}</svg>'
