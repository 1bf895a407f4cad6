"""A run, file by file: what is whole, what is damaged, what was lost, and what can be done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.artifact_paths import path_in_run
from jaxarc.records.events import EVENT_VERSION
from jaxarc.storage.artifact_files import ARTIFACTS_FOLDER
from jaxarc.storage.artifact_inspection import inspected_copies
from jaxarc.storage.artifact_leftovers import artifact_versions
from jaxarc.storage.atomic import PARTIAL_SUFFIX
from jaxarc.storage.event_log import read_events
from jaxarc.storage.findings import DAMAGED_FOLDER, FileFinding, RunInspection
from jaxarc.storage.index import INDEX_FILE
from jaxarc.storage.losses import Rows, find_lost_rows, find_lost_steps
from jaxarc.storage.open_rows import OPEN_FOLDER, OpenRows, read_open_rows
from jaxarc.storage.run_directory import RUN_FILE, read_run_file, run_file_problem
from jaxarc.storage.segment_check import SegmentCheck, check_segment
from jaxarc.storage.segment_names import (
    STEPS_FOLDER,
    SegmentName,
    active_segments,
    segment_names,
    writer_name,
)
from jaxarc.storage.segments import UNREADABLE
from jaxarc.storage.status import derive_status

__all__ = ["inspect_run"]

_SALVAGE = "--repair keeps what can be read, and moves the file to damaged/"
_SHOWN = 12
_TRIES = 100


def inspect_run(run_dir: Path) -> RunInspection:
    """Read every file of a run, in little memory, and say what is wrong."""
    content, finding = _run_file(run_dir)
    found = RunInspection(run_dir, derive_status(run_dir, content), files=[finding])
    repaired = content.get("repaired")
    if isinstance(repaired, dict) and isinstance(repaired.get("lost"), list):
        found.known_lost = [str(line) for line in repaired["lost"]]
    # First what is open, as readers do: steps that it counts are in segments that were there already.
    open_rows = read_open_rows(run_dir)
    rows, checks = _segments(run_dir, found)
    _open_rows(run_dir, found, rows, *open_rows)
    find_lost_rows(found, rows, content)
    find_lost_steps(found, rows, checks)
    for path in sorted((run_dir / "events").glob("*.jsonl")):
        found.files.append(_events(run_dir, path, found))
    artifacts = artifact_versions(run_dir)
    found.files.extend(inspected_copies(run_dir, artifacts, found.known_lost))
    _documents(run_dir, found, [path for each in artifacts if (path := path_in_run(run_dir, each.path))])
    _index(run_dir, found)
    _leftovers(run_dir, found)
    found.lost = [line for line in found.lost if line not in found.known_lost]
    found.episodes = sum(len(table) for tables in rows.values() for table in tables)
    return found


def _run_file(run_dir: Path) -> tuple[dict[str, Any], FileFinding]:
    if not (run_dir / RUN_FILE).exists():
        remedy = "--repair writes a new one; its counts are gone, the episodes are not"
        return {}, FileFinding(RUN_FILE, "run file", "missing", ("is not there",), remedy)
    try:
        content = read_run_file(run_dir)
    except DamagedFileError as error:
        problem = str(error).removeprefix(f"{error.path}: ")
        remedy = "--repair writes a new one; what it said of the run's end is gone"
        return {}, FileFinding(RUN_FILE, "run file", "damaged", (problem,), remedy)
    strange = run_file_problem(run_dir, content)
    said = () if strange is None else (str(strange).removeprefix(f"{strange.path}: "),)
    return content, FileFinding(RUN_FILE, "run file", "harmless" if said else "whole", said)


def _segments(run_dir: Path, found: RunInspection) -> tuple[Rows, dict[SegmentName, SegmentCheck]]:
    names, checks = _checked_segments(run_dir)
    active = list(checks)
    rows: Rows = {}
    for name, check in checks.items():
        path = f"{STEPS_FOLDER}/{name}"
        state = "damaged" if check.problems else "whole"
        finding = FileFinding(
            path, "segment", state, tuple(check.problems), _SALVAGE if check.problems else ""
        )
        found.files.append(finding)
        if check.rows is not None:
            rows.setdefault(name.writer, []).append(check.rows)
    for name in sorted(set(names) - set(active)):
        why = ("another file holds what it holds: left behind where a compaction was interrupted",)
        remedy = "may be deleted; the next compaction does"
        found.files.append(FileFinding(f"{STEPS_FOLDER}/{name}", "segment", "harmless", why, remedy))
    for writer in sorted({name.writer for name in active}):
        after = 1
        for name in (name for name in active if name.writer == writer):
            if name.first > after:
                gone = SegmentName(writer, after, name.first - 1)
                why = (f"the segments {after} to {name.first - 1} are not there, later ones are",)
                remedy = "copy it back from a backup; what was in it is lost otherwise"
                path = f"{STEPS_FOLDER}/{gone}"
                state = "harmless" if f"{path} is missing" in found.known_lost else "missing"
                found.files.append(FileFinding(path, "segment", state, why, remedy))
            after = name.last + 1
    return rows, checks


def _checked_segments(run_dir: Path) -> tuple[list[SegmentName], dict[SegmentName, SegmentCheck]]:
    """Return all segments, and what was found in each active one; a writer may merge some meanwhile."""
    known: dict[SegmentName, SegmentCheck] = {}
    names: list[SegmentName] = []
    for _ in range(_TRIES):
        names, is_moving = segment_names(run_dir), False
        active = active_segments(names)
        for name in active:
            path = run_dir / STEPS_FOLDER / str(name)
            if name not in known:
                check = check_segment(path, name)
                if check.problems and not path.exists():
                    is_moving = True  # a compaction removed it, whose file is there now
                    break
                known[name] = check
        if not is_moving:
            break
    return names, {name: known[name] for name in active_segments(names) if name in known}


def _open_rows(
    run_dir: Path,
    found: RunInspection,
    rows: Rows,
    tables: Mapping[int, OpenRows],
    problems: Sequence[DamagedFileError],
) -> None:
    for writer, table in tables.items():
        found.files.append(FileFinding(f"{OPEN_FOLDER}/{writer_name(writer)}.h5", "open rows", "whole"))
        ended = [part["uid"] for part in rows.get(writer, [])]
        left = table.take(~np.isin(table["uid"], np.concatenate(ended) if ended else np.zeros(0, np.int64)))
        if len(left):
            numbers = [int(part["episode"].max(initial=-1)) for part in rows.get(writer, [])]
            first = max(numbers, default=-1) + 1
            left.columns["episode"] = np.arange(first, first + len(left))
            rows.setdefault(writer, []).append(left)
    for error in problems:
        path = error.path.relative_to(run_dir).as_posix()
        problem = str(error).removeprefix(f"{error.path}: ")
        remedy = "--repair moves it to damaged/; the steps of episodes that were open have no rows then"
        found.files.append(FileFinding(path, "open rows", "damaged", (problem,), remedy))


def _events(run_dir: Path, path: Path, found: RunInspection) -> FileFinding:
    problems: list[DamagedFileError] = []
    name = path.relative_to(run_dir).as_posix()
    said: list[str] = []
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 1))
            if size and file.read() != b"\n":
                said.append("its last line is torn")
        expected, gaps, future = 0, [], 0
        for event in read_events(path, problems):
            future += event.version > EVENT_VERSION
            if event.seq > expected:
                gaps.append(f"{expected}" if event.seq == expected + 1 else f"{expected} to {event.seq - 1}")
            expected = event.seq + 1
    except OSError as error:
        return FileFinding(name, "events", "damaged", (f"cannot be read ({error})",), "")
    said = [str(error).removeprefix(f"{path}: ") for error in problems[:_SHOWN]] + said
    if len(problems) > _SHOWN:
        said.append(f"and {len(problems) - _SHOWN:,} more lines that are no events")
    if gaps:
        found.lost.append(f"events of {name} are gone: number {', '.join(gaps[:_SHOWN])}")
    if future:
        said.append(f"{future:,} events come from a newer jaxarc; update jaxarc-toolkit to read them")
    remedy = "--repair keeps the lines that are events" if problems else ""
    is_damaged = bool(problems or (said and not future))
    state = "damaged" if is_damaged else "harmless" if future else "whole"
    return FileFinding(name, "events", state, tuple(said), remedy)


def _documents(run_dir: Path, found: RunInspection, artifacts: Sequence[Path]) -> None:
    root = Path(os.path.realpath(run_dir))
    for path in _files_below(run_dir):
        relative = path.relative_to(run_dir)
        if any(each == root / relative or each in (root / relative).parents for each in artifacts):
            continue  # what somebody logged is what it is
        if path.suffix != ".json" or relative.parts[0] in (
            STEPS_FOLDER,
            DAMAGED_FOLDER,
            RUN_FILE,
            "episodes",
            ARTIFACTS_FOLDER,
        ):
            continue
        try:
            json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            remedy = "--repair moves it to damaged/; what was drawn from it needs it"
            finding = FileFinding(
                relative.as_posix(), "document", "damaged", (f"is no JSON ({error})",), remedy
            )
        else:
            finding = FileFinding(relative.as_posix(), "document", "whole")
        found.files.append(finding)


def _index(run_dir: Path, found: RunInspection) -> None:
    path = run_dir / INDEX_FILE
    if not path.exists():
        return
    try:
        with h5py.File(path, "r", locking=False) as file:
            if file.attrs.get("format") != "jaxarc-index":
                raise ValueError("is no index")
    except UNREADABLE as error:
        remedy = "is derived: readers make it anew from the segments, and --repair does"
        found.files.append(
            FileFinding(INDEX_FILE, "index", "harmless", (f"cannot be read ({error})",), remedy)
        )
    else:
        found.files.append(FileFinding(INDEX_FILE, "index", "whole"))


def _leftovers(run_dir: Path, found: RunInspection) -> None:
    for path in _files_below(run_dir):
        relative = path.relative_to(run_dir)
        if path.name.endswith(PARTIAL_SUFFIX):
            why = "was never finished; nothing reads it"
        elif relative.parts[0] == STEPS_FOLDER and SegmentName.parse(path.name) is None:
            why = "is no segment by its name; nothing reads it"
        else:
            continue
        found.files.append(FileFinding(relative.as_posix(), "leftover", "harmless", (why,), "may be deleted"))


def _files_below(run_dir: Path) -> Iterator[Path]:
    """Yield the files of a run, not those behind links."""
    waiting = [run_dir]
    while waiting:
        for path in sorted(waiting.pop().iterdir()):
            if path.is_dir() and not path.is_symlink():
                if path.name != DAMAGED_FOLDER:
                    waiting.append(path)
            elif path.is_file():
                yield path
