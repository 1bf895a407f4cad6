"""Pictures while a run goes on, files of its episodes, and its report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.replay.views.run_summary import RunSummary, summarise_run
    from jaxarc.visualization.artifact_builder import ArtifactBuilder, ArtifactFolder, Snapshot
    from jaxarc.visualization.builder_group import BuilderGroup, BuilderHealth
    from jaxarc.visualization.curves_artifacts import CurvesArtifactBuilder
    from jaxarc.visualization.enhanced_visualizer import EnhancedVisualizer
    from jaxarc.visualization.field_artifacts import FieldArtifactBuilder
    from jaxarc.visualization.live import LiveDrawing
    from jaxarc.visualization.report import report_page, write_report

_HOMES = {
    "ArtifactBuilder": "jaxarc.visualization.artifact_builder",
    "ArtifactFolder": "jaxarc.visualization.artifact_builder",
    "BuilderGroup": "jaxarc.visualization.builder_group",
    "BuilderHealth": "jaxarc.visualization.builder_group",
    "CurvesArtifactBuilder": "jaxarc.visualization.curves_artifacts",
    "EnhancedVisualizer": "jaxarc.visualization.enhanced_visualizer",
    "FieldArtifactBuilder": "jaxarc.visualization.field_artifacts",
    "LiveDrawing": "jaxarc.visualization.live",
    "RunSummary": "jaxarc.replay.views.run_summary",
    "Snapshot": "jaxarc.visualization.artifact_builder",
    "report_page": "jaxarc.visualization.report",
    "summarise_run": "jaxarc.replay.views.run_summary",
    "write_report": "jaxarc.visualization.report",
}

__all__ = [
    "ArtifactBuilder",
    "ArtifactFolder",
    "BuilderGroup",
    "BuilderHealth",
    "CurvesArtifactBuilder",
    "EnhancedVisualizer",
    "FieldArtifactBuilder",
    "LiveDrawing",
    "RunSummary",
    "Snapshot",
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
