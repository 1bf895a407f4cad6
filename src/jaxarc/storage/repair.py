"""A damaged run made whole: what can be read is kept, what cannot is moved aside, and rows say the truth."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.records.events import decode_event
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.atomic import atomic_write_bytes, storage_errors
from jaxarc.storage.findings import DAMAGED_FOLDER, FileFinding, RunInspection
from jaxarc.storage.index import build_index, write_index
from jaxarc.storage.inspection import inspect_run
from jaxarc.storage.open_rows import OPEN_FOLDER, read_open_rows, write_open_rows
from jaxarc.storage.run_directory import RUN_FILE, read_run_file, write_run_file
from jaxarc.storage.salvage import corrected_segment, salvaged_segment
from jaxarc.storage.segment_names import (
    STEPS_FOLDER,
    SegmentName,
    active_segments,
    segment_names,
    writer_name,
)
from jaxarc.storage.segments import open_segment, read_segment_tables

__all__ = ["repair_run"]

_MAX_LINE_BYTES = 64 << 20


def repair_run(found: RunInspection) -> list[str]:
    """Keep what can be read of a damaged run; return what was done, in sentences.

    No file is deleted: those that are replaced go to ``damaged/``. ``run.json`` gets ``repaired``: when, and
    what is lost. A run that was LOST stays LOST.

    Args:
        found: what ``inspect_run`` said of the run.

    Raises:
        StorageError: the run is still written, or cannot be written to.
    """
    run_dir = found.run_dir
    if found.status == "RUNNING":
        raise StorageError(f"{run_dir} is still written; end the program that records it first")
    done: list[str] = []
    for finding in found.damaged:
        if finding.state == "damaged":
            _REPAIRS[finding.kind](run_dir, finding, done)
    left = inspect_run(run_dir)
    _correct_rows(left, done)
    _write_run_file(found, left, done)
    with contextlib.suppress(DamagedFileError):
        write_index(run_dir, build_index(run_dir))
    return done


def _move_aside(run_dir: Path, path: str) -> str:
    """Move a file to ``damaged/``; return where it lies now."""
    source = run_dir / path
    target = run_dir / DAMAGED_FOLDER / path
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while target.exists():
            number += 1
            target = target.with_name(f"{source.name}~{number}")
        source.rename(target)
    return target.relative_to(run_dir).as_posix()


def _segment(run_dir: Path, finding: FileFinding, done: list[str]) -> None:
    path = run_dir / finding.path
    name = SegmentName.parse(path.name)
    assert name is not None
    others = [other for other in segment_names(run_dir) if other != name and name.supersedes(other)]
    if others and _covered(name, others):
        moved = _move_aside(run_dir, finding.path)
        done.append(f"{finding.path} -> {moved}: {', '.join(map(str, sorted(others)))} hold what it held")
        return
    new = replace(name, suffix="h5", generation=_next_generation(run_dir, name))
    target = run_dir / STEPS_FOLDER / str(new)
    salvaged = salvaged_segment(path, target, writer=writer_name(name.writer), sequence=name.first)
    if salvaged.content is None:
        moved = _move_aside(run_dir, finding.path)
        done.append(f"{finding.path} -> {moved}: nothing of it can be kept ({'; '.join(salvaged.said)})")
        return
    atomic_write_bytes(target, salvaged.content)
    moved = _move_aside(run_dir, finding.path)
    done.append(
        f"{finding.path} -> {moved}; {STEPS_FOLDER}/{new} has what can be read: {'; '.join(salvaged.said)}"
    )


def _covered(name: SegmentName, others: list[SegmentName]) -> bool:
    """Say whether other files, which are whole, hold all the numbers that a segment holds."""
    numbers = {number for other in active_segments(others) for number in range(other.first, other.last + 1)}
    return numbers >= set(range(name.first, name.last + 1))


def _next_generation(run_dir: Path, name: SegmentName) -> int:
    same = [
        o.generation
        for o in segment_names(run_dir)
        if (o.writer, o.first, o.last) == (name.writer, name.first, name.last)
    ]
    return max(same) + 1


def _events(run_dir: Path, finding: FileFinding, done: list[str]) -> None:
    path = run_dir / finding.path
    kept, left_out = [], 0
    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE_BYTES):
            try:
                decode_event(line)
            except ValueError:
                left_out += bool(line.strip())
            else:
                kept.append(line if line.endswith(b"\n") else line + b"\n")
    moved = _move_aside(run_dir, finding.path)
    atomic_write_bytes(path, b"".join(kept))
    done.append(
        f"{finding.path}: {len(kept):,} events are kept, {left_out:,} lines are not; it was moved to {moved}"
    )


def _aside(run_dir: Path, finding: FileFinding, done: list[str]) -> None:
    done.append(f"{finding.path} -> {_move_aside(run_dir, finding.path)}")


_REPAIRS = {
    "segment": _segment,
    "events": _events,
    "run file": _aside,
    "open rows": _aside,
    "document": _aside,
    "artifact": _aside,
}


def _correct_rows(left: RunInspection, done: list[str]) -> None:
    """Write segments anew whose rows claim steps that are gone."""
    run_dir, short = left.run_dir, left.short
    if not short:
        return
    for writer, rows in read_open_rows(run_dir)[0].items():
        claimed = zip(rows["uid"].tolist(), rows["stored_steps"].tolist(), strict=True)
        stored = np.array([short.get((writer, uid), steps) for uid, steps in claimed], np.int64)
        if (stored != rows["stored_steps"]).any():
            path = f"{OPEN_FOLDER}/{writer_name(writer)}.h5"
            moved = _move_aside(run_dir, path)
            table = EpisodeTable({**rows.columns, "stored_steps": stored})
            write_open_rows(run_dir, writer_name(writer), table, "zstd", sequence=rows.sequence)
            done.append(f"{moved} -> {path}: open rows say how many steps are left")
    for name in active_segments(segment_names(run_dir)):
        path = run_dir / STEPS_FOLDER / str(name)
        with contextlib.suppress(DamagedFileError):
            uids = set(read_segment_tables(path).episodes["uid"].tolist())
            stored = {
                uid: left for (writer, uid), left in short.items() if writer == name.writer and uid in uids
            }
            if not stored:
                continue
            new = replace(name, suffix="h5", generation=_next_generation(run_dir, name))
            target = run_dir / STEPS_FOLDER / str(new)
            with open_segment(path) as source:
                content = corrected_segment(source, target, stored)
            atomic_write_bytes(target, content)
            moved = _move_aside(run_dir, f"{STEPS_FOLDER}/{name}")
            done.append(
                f"{STEPS_FOLDER}/{new}: {len(stored):,} rows say now which steps are left; it was {moved}"
            )


def _write_run_file(found: RunInspection, left: RunInspection, done: list[str]) -> None:
    run_dir = found.run_dir
    content: dict[str, Any] = {"run_id": run_dir.name}
    if (run_dir / RUN_FILE).exists():
        content = read_run_file(run_dir)
    missing = [f"{file.path} is missing" for file in left.files if file.state == "missing"]
    lost = list(dict.fromkeys([*found.known_lost, *left.lost, *missing]))
    content["status"] = found.status
    content["repaired"] = {
        "time": time.time(),
        "lost": lost,
        "done": list(done),
        "episodes_left": build_index(run_dir).num_rows(),
    }
    write_run_file(run_dir, content)
    done.append(f"{RUN_FILE} says what is lost")
