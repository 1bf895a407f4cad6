"""What a run directory has to bear: odd names, odd file systems, a clock that is set back, odd events."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording import config, read

import jaxarc
from jaxarc import Recorder, Step
from jaxarc.errors import ConfigError, DamagedFileError, StorageError
from jaxarc.records.clock import CLOCK
from jaxarc.records.events import Event
from jaxarc.storage import read_events
from jaxarc.storage.event_log import EventLog


def play(recorder: Recorder, *, ends: bool = True) -> None:
    recorder.tap(Step(reward=np.ones(1, np.float32), terminated=np.full(1, ends)))


@pytest.mark.parametrize("key", ["run_name", "experiment"])
@pytest.mark.parametrize(
    "name",
    ["../../x", "/tmp/x", "a\0b", "x" * 300, "..", "a/../b", "\udce9"],
    ids=lambda name: repr(name[:9]),
)
def test_a_name_that_leads_out_of_its_folder_makes_no_run(tmp_path: Path, key: str, name: str):
    """It is refused before anything is made, inside the folder or outside."""
    root = tmp_path / "a" / "b" / "runs"
    with pytest.raises(ConfigError, match=f"storage.{key}"):
        Recorder(config(root, storage={key: name}))
    assert list(tmp_path.rglob("*")) == []


def test_a_clock_that_is_set_back_makes_no_negative_time(run_root: Path, monkeypatch: pytest.MonkeyPatch):
    """Rows, events and the order of runs go on as if it had not been."""
    ahead = 7_200 * 10**9
    # What is set first is what the clock of this process has again at the end.
    monkeypatch.setattr(CLOCK, "_ahead", 0)
    monkeypatch.setattr(CLOCK, "_latest", 0)
    monkeypatch.setattr(CLOCK, "_wall_ns", lambda: time.time_ns() + ahead)
    with Recorder(config(run_root)) as recorder:
        play(recorder, ends=False)
        assert recorder.flush()
        monkeypatch.setattr(CLOCK, "_wall_ns", time.time_ns)
        play(recorder)
        recorder.log({"a": 1.0})
    with Recorder(config(run_root)) as later:
        play(later)
    monkeypatch.setattr(CLOCK, "_ahead", 0)
    monkeypatch.setattr(CLOCK, "_latest", 0)
    run = read(recorder)
    row = run.episodes().row(0)
    assert row.start_time <= row.end_time < row.start_time + 600
    stamps = [event.timestamp_us for event in run.events()]
    assert stamps == sorted(stamps)
    assert 0 <= run.info["duration_s"] < 600
    assert jaxarc.open("latest", root=run_root).run_dir == later.run_dir


def refuse_folders(code: int) -> Any:
    """Return an fsync that fails for folders, as that of some network file systems does."""
    fsync = os.fsync

    def refusing(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    return refusing


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF])
def test_a_file_system_that_cannot_sync_folders_records_like_any_other(
    run_root: Path, monkeypatch: pytest.MonkeyPatch, code: int
):
    """The files themselves are synced; nothing is lost, nothing is an error."""
    monkeypatch.setattr(os, "fsync", refuse_folders(code))
    with Recorder(config(run_root, pipeline={"strict": True})) as recorder:
        play(recorder)
        assert recorder.flush()
    assert recorder.health().losses == {}
    assert (len(read(recorder)), read(recorder).status) == (1, "FINISHED")


def test_a_disk_that_fails_to_sync_a_folder_is_no_such_file_system(
    run_root: Path, monkeypatch: pytest.MonkeyPatch
):
    """An error of the device is told."""
    with Recorder(config(run_root)) as recorder:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse_folders(errno.EIO))
            play(recorder)
            assert not recorder.flush()
        assert "Input/output error" in recorder.health().first_error
    assert len(read(recorder)) == 1


def test_an_event_has_a_number_only_when_it_is_written(tmp_path: Path):
    """What cannot be encoded is coerced, what cannot be written leaves no gap in the numbers."""

    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    log = EventLog(tmp_path / "p000-000001.jsonl", "p000")
    descriptor = log._descriptor
    log.append(Event("metric_batch", {"a": np.float32(1.5), "b": float("nan"), "c": Odd()}))
    log._descriptor = os.open(os.devnull, os.O_RDONLY)
    with pytest.raises(StorageError):
        log.append(Event("lost", {}))
    os.close(log._descriptor)
    log._descriptor = descriptor
    log.append(Event("metric_batch", {"a": np.array([object()], object), "b": 10**5000}))
    log.close()
    assert log.coerced == 2
    events = list(read_events(log.path))
    assert [event.seq for event in events] == [0, 1]
    assert events[0].payload["c"] == "<Odd>"
    assert events[1].payload["b"] == 10**5000
    with pytest.raises(StorageError, match="closed"):
        log.append(Event("late", {}))
    with pytest.raises(FileExistsError, match="another writer"):
        EventLog(log.path, "p000")


def test_events_of_some_types_are_read_without_the_others(tmp_path: Path):
    """A line of another type is passed over unread, also a damaged one; a type inside a payload is none."""
    log = EventLog(tmp_path / "p000-000001.jsonl", "p000")
    log.append(Event("metric_batch", {"t": "shedding", "text": '"t":"shedding"'}))
    log.append(Event("shedding", {"on": True}))
    log.close()
    with log.path.open("ab") as file:
        file.write(b'{"torn\n{"v":1,"t":"shedding"\n')
    problems: list[DamagedFileError] = []
    assert [event.seq for event in read_events(log.path, problems, types=["shedding"])] == [1]
    assert ["line 4" in str(problem) for problem in problems] == [True]


def test_a_line_that_was_torn_by_a_full_disk_costs_no_other(tmp_path: Path):
    """The next event that can be written begins a line of its own."""
    read_end, write_end = os.pipe()
    log = EventLog(tmp_path / "p000-000001.jsonl", "p000")
    log.append(Event("first", {}))
    descriptor = log._descriptor
    # A pipe that is nearly full takes a part of a line, as a disk that is nearly full does.
    os.set_blocking(write_end, False)
    assert os.write(write_end, bytes(100_000)) < 100_000
    os.read(read_end, 4096)
    log._descriptor = write_end
    with pytest.raises(StorageError, match=r"only 4096 of \d+ bytes of an event were written"):
        log.append(Event("torn", {"text": "x" * 10_000}))
    log._descriptor = descriptor
    with log.path.open("ab") as file:
        file.write(b'{"v":1,"t":"torn","m":{"se')
    log.append(Event("second", {}))
    log.close()
    os.close(read_end)
    os.close(write_end)
    problems: list[DamagedFileError] = []
    assert [(event.type, event.seq) for event in read_events(log.path, problems)] == [
        ("first", 0),
        ("second", 1),
    ]
    assert [str(problem).split(": ")[1] for problem in problems] == ["line 2"]


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path: Path):
    """A file of one endless line is one problem; what stands before it is read."""
    path = tmp_path / "p000-000001.jsonl"
    log = EventLog(path, "p000")
    log.append(Event("first", {}))
    log.close()
    with path.open("ab") as file:
        file.truncate(path.stat().st_size + 200_000_000)  # a hole: zeros without a line's end
    problems: list[DamagedFileError] = []
    assert [event.type for event in read_events(path, problems)] == ["first"]
    assert [str(problem).split(": ")[1:] for problem in problems] == [
        ["line 2", "is longer than 64000000 bytes"]
    ]
