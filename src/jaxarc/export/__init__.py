"""Runs as files of other formats: Minari, Parquet, JSON lines, pickle."""

from __future__ import annotations

from jaxarc.export.episodes import episode_parts
from jaxarc.export.formats import EXPORT_FORMATS, ExportError, ExportSummary, export_run
from jaxarc.export.json_lines import read_json_lines

__all__ = [
    "EXPORT_FORMATS",
    "ExportError",
    "ExportSummary",
    "episode_parts",
    "export_run",
    "read_json_lines",
]
