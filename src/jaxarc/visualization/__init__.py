"""Pictures while a run goes on, files of its episodes, and its report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.visualization.enhanced_visualizer import EnhancedVisualizer
    from jaxarc.visualization.live import LiveDrawing
    from jaxarc.visualization.report import report_page, write_report
    from jaxarc.visualization.run_summary import RunSummary, summarise_run

_HOMES = {
    "EnhancedVisualizer": "enhanced_visualizer",
    "LiveDrawing": "live",
    "RunSummary": "run_summary",
    "report_page": "report",
    "summarise_run": "run_summary",
    "write_report": "report",
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
    value = getattr(import_module(f"jaxarc.visualization.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
