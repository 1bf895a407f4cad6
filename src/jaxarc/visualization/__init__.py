"""Pictures while a run goes on, files of its episodes, and its report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.replay.views.run_summary import RunSummary, summarise_run
    from jaxarc.visualization.enhanced_visualizer import EnhancedVisualizer
    from jaxarc.visualization.live import LiveDrawing
    from jaxarc.visualization.report import report_page, write_report

_HOMES = {
    "EnhancedVisualizer": "jaxarc.visualization.enhanced_visualizer",
    "LiveDrawing": "jaxarc.visualization.live",
    "RunSummary": "jaxarc.replay.views.run_summary",
    "report_page": "jaxarc.visualization.report",
    "summarise_run": "jaxarc.replay.views.run_summary",
    "write_report": "jaxarc.visualization.report",
}

__all__ = [
    "EnhancedVisualizer",
    "LiveDrawing",
    "RunSummary",
    "report_page",
    "summarise_run",
    "write_report",
]


def __getattr__(name: str) -> Any:
    # A process that only draws imports neither the pipeline nor the report.
    if name not in _HOMES:
        raise AttributeError(f"module 'jaxarc.visualization' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
