"""Metrics as a notebook shows them: a small chart of each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxarc.rendering.metric_curve import metric_curve
from jaxarc.rendering.notebook_style import notebook_cell
from jaxarc.rendering.text import escape

if TYPE_CHECKING:
    from jaxarc.replay.experiment import Series

__all__ = ["metrics_html"]

_MOST_CHARTS = 60
_RULES = """
& .charts { display: flex; flex-wrap: wrap; gap: 10px 20px; }
& img { display: block; max-width: 100%; }
"""


def metrics_html(series: Sequence[Series]) -> str:
    """Return series as HTML for a notebook's cell: a chart a metric, its members in one."""
    from jaxarc.replay.views.metric_pictures import metric_pictures

    pictures = metric_pictures(series)
    if not pictures:
        return notebook_cell('<p class="note">No metric was logged.</p>')
    charts = []
    for picture in pictures[:_MOST_CHARTS]:
        data = base64.b64encode(metric_curve(picture).encode()).decode("ascii")
        charts.append(f'<img alt="{escape(picture.name)}" src="data:image/svg+xml;base64,{data}">')
    more = len(pictures) - _MOST_CHARTS
    note = f'<p class="note">and {more:,} more metrics; name one to see it</p>' if more > 0 else ""
    return notebook_cell(f'<div class="charts">{"".join(charts)}</div>{note}', _RULES)
