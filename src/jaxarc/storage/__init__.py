"""What is on disk: run directories, segments, the event log and the index."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.storage.annotations import Annotations, annotation_files
    from jaxarc.storage.atomic import atomic_write_bytes
    from jaxarc.storage.attempts import read_attempts
    from jaxarc.storage.baselines import (
        Baseline,
        baseline_dir,
        list_baselines,
        remove_baseline,
        write_baseline,
    )
    from jaxarc.storage.cleanup import CleanupResult
    from jaxarc.storage.documents import document_path, file_name
    from jaxarc.storage.episode_manager import EpisodeManager
    from jaxarc.storage.event_log import read_events
    from jaxarc.storage.findings import FileFinding, RunInspection
    from jaxarc.storage.index import RunIndex, StepBlocks, build_index, load_index, write_index
    from jaxarc.storage.inspection import inspect_run
    from jaxarc.storage.label_names import LabelNames
    from jaxarc.storage.open_rows import OpenRows, number_open_rows, read_open_rows
    from jaxarc.storage.origins import NoRun, choose_origin
    from jaxarc.storage.repair import repair_run
    from jaxarc.storage.run_cleaning import clean_run, run_storage_config
    from jaxarc.storage.run_directory import find_runs, read_run_file, resolve_run, run_file_problem
    from jaxarc.storage.run_folders import RunFolders
    from jaxarc.storage.run_store import RunStore
    from jaxarc.storage.segment_names import (
        SegmentName,
        next_sequence,
        segment_files,
        writer_name,
        writer_number,
    )
    from jaxarc.storage.segments import StoredSteps, keep_segments_open
    from jaxarc.storage.sharing import JOIN_VARIABLE, Invitation, invitation_from, remember
    from jaxarc.storage.status import derive_status
    from jaxarc.storage.steady_store import SteadyStore
    from jaxarc.storage.storage_errors import continued_in, handle_storage_error

_HOMES = {
    "Annotations": "annotations",
    "Baseline": "baselines",
    "CleanupResult": "cleanup",
    "EpisodeManager": "episode_manager",
    "FileFinding": "findings",
    "Invitation": "sharing",
    "JOIN_VARIABLE": "sharing",
    "LabelNames": "label_names",
    "NoRun": "origins",
    "OpenRows": "open_rows",
    "RunFolders": "run_folders",
    "RunIndex": "index",
    "RunInspection": "findings",
    "RunStore": "run_store",
    "SegmentName": "segment_names",
    "SteadyStore": "steady_store",
    "StepBlocks": "index",
    "StoredSteps": "segments",
    "annotation_files": "annotations",
    "atomic_write_bytes": "atomic",
    "baseline_dir": "baselines",
    "build_index": "index",
    "choose_origin": "origins",
    "clean_run": "run_cleaning",
    "continued_in": "storage_errors",
    "derive_status": "status",
    "document_path": "documents",
    "file_name": "documents",
    "find_runs": "run_directory",
    "handle_storage_error": "storage_errors",
    "inspect_run": "inspection",
    "invitation_from": "sharing",
    "keep_segments_open": "segments",
    "list_baselines": "baselines",
    "load_index": "index",
    "next_sequence": "segment_names",
    "number_open_rows": "open_rows",
    "read_attempts": "attempts",
    "read_events": "event_log",
    "read_open_rows": "open_rows",
    "read_run_file": "run_directory",
    "remember": "sharing",
    "remove_baseline": "baselines",
    "repair_run": "repair",
    "resolve_run": "run_directory",
    "run_file_problem": "run_directory",
    "run_storage_config": "run_cleaning",
    "segment_files": "segment_names",
    "write_baseline": "baselines",
    "write_index": "index",
    "writer_name": "segment_names",
    "writer_number": "segment_names",
}

__all__ = [
    "JOIN_VARIABLE",
    "Annotations",
    "Baseline",
    "annotation_files",
    "baseline_dir",
    "list_baselines",
    "remove_baseline",
    "write_baseline",
    "EpisodeManager",
    "FileFinding",
    "Invitation",
    "LabelNames",
    "NoRun",
    "OpenRows",
    "RunFolders",
    "RunIndex",
    "RunInspection",
    "CleanupResult",
    "RunStore",
    "clean_run",
    "run_storage_config",
    "SteadyStore",
    "continued_in",
    "handle_storage_error",
    "SegmentName",
    "StepBlocks",
    "StoredSteps",
    "atomic_write_bytes",
    "build_index",
    "choose_origin",
    "derive_status",
    "document_path",
    "file_name",
    "find_runs",
    "invitation_from",
    "inspect_run",
    "keep_segments_open",
    "load_index",
    "next_sequence",
    "number_open_rows",
    "read_attempts",
    "read_events",
    "read_open_rows",
    "read_run_file",
    "remember",
    "repair_run",
    "resolve_run",
    "run_file_problem",
    "segment_files",
    "write_index",
    "writer_name",
    "writer_number",
]


def __getattr__(name: str) -> Any:
    # Who reads a run imports nothing of what writes, repairs and cleans it.
    if name not in _HOMES:
        raise AttributeError(f"module 'jaxarc.storage' has no attribute {name!r}")
    value = getattr(import_module(f"jaxarc.storage.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
