"""A disk that is really full, and a directory that may really not be written: the run goes on, loudly."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import chunks
import pytest

import jaxarc
from jaxarc.errors import DiskSpaceError, StorageError, StoragePermissionError
from jaxarc.replay import ReplaySystem
from jaxarc.storage import continued_in, handle_storage_error
from jaxarc.storage.storage_errors import default_fallback_dir

PRELUDE = """
import logging, os, socket, subprocess, sys
from pathlib import Path
sys.path[:0] = {paths!r}
import numpy as np
from chunks import flat_recording, layout_of, nameless
from jaxarc.config import CaptureConfig, EpisodeConfig
from jaxarc.pipeline import Assembler, ChunkItem, EpisodeWriter, Readers
from jaxarc.records.layout import FLAG_TERMINATED
from jaxarc.replay import ReplaySystem
from jaxarc.storage import SteadyStore, continued_in

logging.basicConfig(format="%(levelname)s %(message)s")
ROOT = Path({root!r})

def start(length=4, **storage):
    config = EpisodeConfig(**{{"base_output_dir": str(ROOT / "runs"), **storage}})
    said = {{"pid": os.getpid(), "hostname": socket.gethostname(), "config": {{"storage": config.to_dict()}}}}
    store = SteadyStore(config, lambda: said, 5.0)
    assembler = Assembler(CaptureConfig(level="verbose"), nameless)
    return store, EpisodeWriter(assembler, store, 10**9, Readers(), lambda rows: None)

flags = np.zeros((1, 4000), np.int32)
flags[:, 3::4] = FLAG_TERMINATED
tags = np.random.default_rng(0).integers(0, 2**31, (1, 1, 4000)).astype(np.float32)
played = flat_recording(flags, metric=tags, layout=layout_of(next_observation=True))
pieces = played.chunks(range(0, 4000, 10), [0])

def play(writer, times=1):
    \"\"\"Play ten steps, two and a half episodes, and commit; return the failures.\"\"\"
    failures = []
    for _ in range(times):
        writer.handle(ChunkItem(next(pieces)))
        try:
            writer.commit()
        except Exception as error:
            failures.append(error)
    return failures

def mounted(size):
    folder = ROOT / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={{size}}", "tmpfs", folder], check=True)
    return folder

def actions(run_dir):
    return [event.payload["action"] for event in ReplaySystem(run_dir).events("storage_error")]
"""

SMALL_DISK = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
"""A child in a mount namespace of its own: its small file system ends with it."""

ONLY_WHAT_MODES_ALLOW = (
    ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
)
"""Root without the capability to pass over modes of files."""


def can_mount() -> bool:
    """Say whether a child may mount a file system."""
    if shutil.which("unshare") is None:
        return False
    trial = "mkdir -p /tmp/.jaxarc-trial && mount -t tmpfs -o size=1m tmpfs /tmp/.jaxarc-trial"
    return subprocess.run([*SMALL_DISK, "sh", "-c", trial], capture_output=True).returncode == 0


def run_child(root: Path, body: str, prefix: list[str]) -> str:
    """Run a body after the prelude in a process; return what it said on stderr."""
    paths = [str(Path(chunks.__file__).parent), str(Path(jaxarc.__file__).parent.parent)]
    script = PRELUDE.format(paths=paths, root=str(root)) + textwrap.dedent(body)
    done = subprocess.run(
        [*prefix, sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


needs_mount = pytest.mark.skipif(not can_mount(), reason="this system lets nobody here mount a tmpfs")
needs_modes = pytest.mark.skipif(
    bool(ONLY_WHAT_MODES_ALLOW) and shutil.which("setpriv") is None,
    reason="root may write anywhere, and there is no setpriv to take that from it",
)


@needs_mount
def test_a_full_disk_makes_room_by_policy_and_the_run_goes_on(tmp_path: Path):
    """Old episodes give up their steps, every row stays, and nothing of the new ones is lost."""
    errors = run_child(
        tmp_path,
        """
        disk = mounted("1000k")
        keys = {"cleanup_policy": "oldest_first", "segment_bytes": 6_400_000}
        store, writer = start(base_output_dir=str(disk), **keys)
        assert play(writer, 60) == []
        writer.close()
        assert set(store.actions) == {"made room"}, store.actions
        run = ReplaySystem(store.run_dir)
        rows = run.episodes()
        assert rows["episode"].tolist() == list(range(150))
        assert store.cleaned_episodes == int((rows["stored_steps"] == 0).sum()) > 10
        assert writer.steps_given_up == 0
        assert (rows["stored_steps"][-20:] == 4).all()
        for row in rows:
            if row.stored_steps:
                assert len(run.load_episode(row.episode).reward) == 4
        gone = [e for event in run.events("tombstone") for _, e in event.payload["episodes"]]
        assert sorted(gone) == rows["episode"][rows["stored_steps"] == 0].tolist()
        assert {event.payload["reason"] for event in run.events("tombstone")} == {"no space left"}
        assert actions(store.run_dir).count("made room") == store.actions["made room"]
        """,
        SMALL_DISK,
    )
    assert errors.count("ERROR recording: made room") == 1


@needs_mount
def test_without_room_steps_are_given_up_and_come_back_when_there_is_some(tmp_path: Path):
    """With ``manual`` nothing goes: rows wait, are written when somebody frees space, and steps go on."""
    errors = run_child(
        tmp_path,
        """
        disk = mounted("1000k")
        store, writer = start(base_output_dir=str(disk), cleanup_policy="manual")
        assert play(writer, 2) == []
        ballast = (disk / "ballast").open("wb", buffering=0)
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            ballast.close()
        failures = play(writer, 4)
        assert len(failures) == 4, failures
        assert "no space left" in str(failures[0])
        assert writer.rows_waiting == 10, writer.rows_waiting
        assert writer.steps_given_up > 30
        assert store.actions == {"kept for the next commit": 1, "without steps": 1}, store.actions
        (disk / "ballast").unlink()
        assert play(writer, 3) == []
        writer.close()
        assert writer.rows_waiting == 0
        rows = ReplaySystem(store.run_dir).episodes()
        assert rows["episode"].tolist() == list(range(23))
        stored = rows["stored_steps"].tolist()
        assert stored[:4] == [4] * 4
        assert stored[15:] == [4] * 7 + [2], stored
        lost = writer.steps_given_up + writer._assembler.counts.steps_lost
        assert sum(stored) + lost == 90, (stored, lost)
        assert actions(store.run_dir)[-1] == "written again"
        assert not list((store.run_dir / "steps").glob(".*"))
        """,
        SMALL_DISK,
    )
    assert "ERROR recording: without steps" in errors
    assert "WARNING recording: segments are written again" in errors


@needs_modes
def test_a_directory_that_becomes_read_only_is_left_for_the_fallback(tmp_path: Path):
    """The run goes on in another directory, which says of which one it is the continuation."""
    errors = run_child(
        tmp_path,
        """
        store, writer = start(fallback_dir=str(ROOT / "fallback"))
        assert play(writer, 3) == []
        old = store.run_dir
        for folder in (old / "steps", old / "events", old / "open", old):
            folder.chmod(0o500)
        assert play(writer, 3) == []
        writer.close()
        store.finish("FINISHED", {"episodes": 15})
        assert store.run_dir != old
        assert store.run_dir.is_relative_to(ROOT / "fallback")
        assert store.actions == {"moved": 1}
        rows = ReplaySystem(store.run_dir).episodes()
        assert rows["episode"].tolist() == list(range(7, 15))
        assert rows["stored_steps"].tolist() == [0] + [4] * 7, rows["stored_steps"]
        assert writer.steps_given_up + writer._assembler.counts.steps_lost == 4
        print(old, store.run_dir, file=sys.stderr)
        """,
        ONLY_WHAT_MODES_ALLOW,
    )
    old, new = map(Path, errors.strip().splitlines()[-1].split())
    assert f"the run goes on in {tmp_path / 'fallback'}" in errors
    assert [row.episode for row in ReplaySystem(old).episodes("ended != 'cut'")] == list(range(7))
    assert ReplaySystem(old).status == "LOST"
    assert ReplaySystem(new).info["continues"] == str(old.resolve())
    assert continued_in(old) == ReplaySystem(old).continued_in == new
    assert continued_in(new) is None
    for run in (ReplaySystem(old), ReplaySystem(new)):
        for row in run.episodes("stored_steps > 0 and ended != 'cut'"):
            assert len(run.load_episode(row.episode).observation) == 5
    (said,) = ReplaySystem(new).events("storage_error")
    assert said.payload["error"] == "StoragePermissionError"
    assert said.payload["action"] == f"moved {new}"


@needs_modes
def test_a_run_that_may_not_begin_where_it_should_begins_in_the_fallback(tmp_path: Path):
    """Loudly, and with a word on where it should have been."""
    errors = run_child(
        tmp_path,
        """
        (ROOT / "runs").mkdir(mode=0o500)
        store, writer = start(fallback_dir=str(ROOT / "fallback"))
        assert play(writer, 2) == []
        assert store.run_dir.is_relative_to(ROOT / "fallback")
        assert ReplaySystem(store.run_dir).info["instead_of"] == str(ROOT / "runs")
        """,
        ONLY_WHAT_MODES_ALLOW,
    )
    assert "not writable" in errors
    assert "the run goes on in" in errors


def test_the_seeds_function_says_where_to_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """No space: where it cleaned; no permission: a folder that can be written; anything else: nowhere."""
    folder = tmp_path / "there"
    assert handle_storage_error(DiskSpaceError("full"), folder) == folder
    assert handle_storage_error(StoragePermissionError("no"), folder) == folder
    assert folder.is_dir()
    (tmp_path / "file").write_text("no folder")
    beside = handle_storage_error(StoragePermissionError("no"), tmp_path / "file")
    assert beside == default_fallback_dir()
    assert beside.stat().st_mode & 0o077 == 0
    assert handle_storage_error(StorageError("odd"), folder) is None
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 4
