"""What is gone of a run: by gaps in numbers, and by rows that claim more steps than there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.step_sources import StepSources
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.findings import RunInspection
from jaxarc.storage.index import load_index
from jaxarc.storage.segment_check import SegmentCheck
from jaxarc.storage.segment_names import SegmentName, writer_name, writer_number

__all__ = ["Rows", "find_lost_rows", "find_lost_steps"]

_SHOWN = 12

Rows = dict[int, list[EpisodeTable]]
"""Rows by the number of their writer, a table a file."""


def find_lost_rows(found: RunInspection, rows: Rows, content: dict[str, Any]) -> None:
    by_writer = content.get("episodes_by_writer")
    total = content.get("episodes")
    counted: dict[int, int] = {}
    if isinstance(by_writer, dict):
        for name, count in by_writer.items():
            number = writer_number(str(name))
            if number is not None and isinstance(count, int):
                counted[number] = count
    elif isinstance(total, int):
        counted[writer_number(str(content.get("writer", "p000"))) or 0] = total
    for writer in sorted({*rows, *counted}):
        numbers = np.concatenate(
            [np.zeros(0, np.int64), *(table["episode"] for table in rows.get(writer, []))]
        )
        known, times = np.unique(numbers, return_counts=True)
        of = f" of {writer_name(writer)}" if len({*rows, *counted}) > 1 else ""
        if (times > 1).any():
            found.lost.append(f"episodes {_ranges(known[times > 1])}{of} have several rows")
        most = max(counted.get(writer, 0), int(known.max(initial=-1)) + 1)
        if most - len(known) <= 0:
            _lost_rows_of_unknown_numbers(found, rows.get(writer, []), of)
            continue
        gone = np.setdiff1d(np.arange(min(most, 10_000_000)), known)
        rows_of = "the row of 1 episode" if len(gone) == 1 else f"the rows of {len(gone):,} episodes"
        verb = "is" if len(gone) == 1 else "are"
        found.lost.append(f"{rows_of}{of} {verb} gone: {_ranges(gone)}")


def _lost_rows_of_unknown_numbers(found: RunInspection, tables: list[EpisodeTable], of: str) -> None:
    """Find rows that are gone from the end of a run that was killed: uids are dense, too."""
    if any(file.kind == "segment" and file.state in ("damaged", "missing") for file in found.files):
        uids = np.unique(np.concatenate([np.zeros(0, np.int64), *(table["uid"] for table in tables)]))
        gone = int(uids.max(initial=-1)) + 1 - len(uids)
        if gone:
            found.lost.append(f"rows of episodes{of} are gone, {gone:,} or more; their numbers are not known")


def find_lost_steps(found: RunInspection, rows: Rows, checks: dict[SegmentName, SegmentCheck]) -> None:
    for writer, tables in sorted(rows.items()):
        stored: dict[str, dict[int, int]] = {"steps": {}, "journal": {}}
        for name, check in checks.items():
            if name.writer == writer:
                for kind, counts in check.steps.items():
                    for uid, count in counts.items():
                        stored[kind][uid] = stored[kind].get(uid, 0) + count
        of = f" of {writer_name(writer)}" if len(rows) > 1 else ""
        lines = []
        for table in tables:
            parts = (table[name].tolist() for name in ("uid", "episode", "stored_steps"))
            for uid, episode, claimed in zip(*parts, strict=True):
                there = stored["steps"].get(uid, 0), stored["journal"].get(uid, 0)
                left = max(there)
                if left < claimed and all(there):
                    left = _stored_of(found.run_dir, writer, uid)  # some are stored as both
                if left < claimed:
                    found.short[writer, uid] = left
                    gone = f"{claimed - left} of {claimed} stored steps are gone"
                    lines.append(f"episode {episode}{of}: {gone}")
        found.lost += lines[:_SHOWN]
        if len(lines) > _SHOWN:
            found.lost.append(f"and steps of {len(lines) - _SHOWN:,} more episodes{of}")


def _stored_of(run_dir: Path, writer: int, uid: int) -> int:
    """Return how many steps of an episode can be read, as steps or in the journal, each counted once."""
    try:
        sources = load_index(run_dir).stored_steps(run_dir, writer, uid)
        return len(StepSources(sources).of_kind("steps", "journal"))
    except DamagedFileError:
        return 0


def _ranges(numbers: np.ndarray) -> str:
    """Return ascending numbers as ranges: ``0-4, 7, 9-12``."""
    parts = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    shown = [str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(parts) > _SHOWN else "")
