"""The metrics of a report: a small chart of each that was logged."""

from __future__ import annotations

from dataclasses import dataclass

from jaxarc.rendering.metric_curve import metric_curve
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views.metric_pictures import metric_pictures
from jaxarc.visualization.report_pictures import PicturePair, picture_uri

__all__ = ["MetricChart", "metric_charts"]

_MOST_CHARTS = 24
_MOST_EVENT_BYTES = 48_000_000
"""Bytes of events up to which they are read for a page: a few seconds."""


@dataclass(frozen=True)
class MetricChart:
    """A metric in the report: what it is called, and its picture."""

    name: str
    picture: PicturePair


def metric_charts(run: ReplaySystem) -> tuple[list[MetricChart], int | None]:
    """Return the first charts of what was logged, and how many there are; None where that takes too long.

    The curves of the episodes are not among them: the picture of the run shows those.
    """
    files = (run.run_dir / "events").glob("*.jsonl")
    if sum(path.stat().st_size for path in files) > _MOST_EVENT_BYTES:
        return [], None
    pictures = metric_pictures(run.said().all_series())
    charts = []
    for picture in pictures[:_MOST_CHARTS]:
        uri = picture_uri(metric_curve(picture).encode(), "svg+xml")
        charts.append(MetricChart(picture.name, PicturePair(uri, uri)))
    return charts, len(pictures)
