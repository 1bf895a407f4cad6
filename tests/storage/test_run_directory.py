"""Run directories: never shared, never left, found again."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from recording import config

from jaxarc import Recorder
from jaxarc.config import EpisodeConfig
from jaxarc.errors import RunNotFoundError, StorageError
from jaxarc.records.events import Event
from jaxarc.storage import RunStore, derive_status, document_path, find_runs, resolve_run
from jaxarc.storage.atomic import atomic_write, atomic_write_bytes
from jaxarc.storage.run_directory import create_run_dir, read_run_file, write_run_file


def make_run(root: Path, name: str, created: float, experiment: str = "default", **content: object) -> Path:
    run_dir = create_run_dir(EpisodeConfig(base_output_dir=str(root), experiment=experiment, run_name=name))
    write_run_file(run_dir, {"status": "FINISHED", "created": created, **content})
    return run_dir


def test_runs_of_one_second_and_one_name_do_not_share_a_directory(tmp_path: Path):
    """Each has a suffix of its own."""
    for name in (None, "mine"):
        settings = EpisodeConfig(base_output_dir=str(tmp_path), run_name=name)
        assert len({create_run_dir(settings) for _ in range(50)}) == 50


def test_run_json_is_replaced_whole_or_not_at_all(tmp_path: Path):
    """A write that fails half way leaves the old file and no other."""
    path = tmp_path / "run.json"
    atomic_write_bytes(path, b"old")

    def half(partial: Path) -> None:
        partial.write_bytes(b"ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match=r"no space left.*storage\.base_output_dir"):
        atomic_write(path, half)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_runs_are_found_oldest_first_and_latest_is_the_newest(tmp_path: Path):
    """``latest~n`` counts back; the order is that of their start, not of their names."""
    runs = [make_run(tmp_path, name, created) for name, created in [("b", 2.0), ("c", 1.0), ("a", 3.0)]]
    oldest_first = [runs[1], runs[0], runs[2]]
    assert [run.resolve() for run in find_runs(tmp_path)] == oldest_first
    assert [resolve_run(f"latest~{n}", tmp_path) for n in range(3)] == oldest_first[::-1]
    assert resolve_run("latest", tmp_path) == runs[2]
    with pytest.raises(RunNotFoundError, match=r"latest~3: .* holds 3 runs"):
        resolve_run("latest~3", tmp_path)


@pytest.mark.parametrize("name", ["latest~", "latest~0"])
def test_latest_without_a_number_is_the_newest(tmp_path: Path, name: str):
    """Both spellings."""
    run = make_run(tmp_path, "a", 1.0)
    assert resolve_run(name, tmp_path) == run


@pytest.mark.parametrize("name", ["latest~x", "latest~-1", "latest~1.5", "latest~²"])
def test_latest_with_no_number_after_it_is_refused(tmp_path: Path, name: str):
    """The message says what comes there."""
    make_run(tmp_path, "a", 1.0)
    with pytest.raises(RunNotFoundError, match="whole number"):
        resolve_run(name, tmp_path)


def test_names_prefixes_and_paths_lead_to_a_run(tmp_path: Path):
    """A whole name, an unambiguous beginning, a path; an ambiguous one lists the candidates."""
    first, second = make_run(tmp_path, "alpha", 1.0), make_run(tmp_path, "alto", 2.0)
    assert resolve_run(first.name, tmp_path) == first
    assert resolve_run("alp", tmp_path) == first
    assert resolve_run(second, tmp_path) == second
    assert resolve_run(str(second), Path("/nowhere")) == second
    with pytest.raises(RunNotFoundError, match=rf"2 runs: {first.name}, {second.name}"):
        resolve_run("al", tmp_path)
    with pytest.raises(RunNotFoundError, match=rf"no run 'alphaa-.*did you mean {first.name}"):
        resolve_run(first.name.replace("alpha", "alphaa"), tmp_path)
    with pytest.raises(RunNotFoundError, match="is no run"):
        resolve_run(tmp_path, tmp_path)
    with pytest.raises(RunNotFoundError, match="no run 'x'"):
        resolve_run("x", tmp_path / "missing")


def test_an_experiment_may_be_called_steps(tmp_path: Path):
    """A folder of that name makes no run of its parent."""
    run = make_run(tmp_path, "a", 1.0, experiment="steps")
    assert [found.resolve() for found in find_runs(tmp_path)] == [run]
    assert resolve_run("latest", tmp_path) == run


def test_status_is_derived(tmp_path: Path):
    """A running run of a dead process, or one that nobody touched for long, is LOST."""
    here = {"status": "RUNNING", "hostname": socket.gethostname()}
    run = make_run(tmp_path, "a", 1.0)
    assert derive_status(run, {**here, "pid": os.getpid()}) == "RUNNING"
    assert derive_status(run, {**here, "pid": 2**22 + 12345}) == "LOST"
    assert derive_status(run, {**here, "pid": 2**70}) == "LOST"
    elsewhere = {"status": "RUNNING", "hostname": "another", "pid": 1, "heartbeat_s": 5.0}
    assert derive_status(run, elsewhere) == "RUNNING"
    os.utime(run / "run.json", (1, 1))
    assert derive_status(run, elsewhere) == "LOST"
    assert derive_status(run, {"status": "FAILED"}) == "FAILED"
    assert derive_status(run, {}) == "LOST"


NAMES = [
    "../x",
    "/etc/x",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "\0",
    ".hidden",
    "ä é",
    "x" * 300,
    "a%2Fb",
    "CON",
    "\udce9",
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: repr(name[:12]))
def test_document_names_stay_in_their_folder(tmp_path: Path, name: str):
    """Whatever a task is called, its document is one file inside the run."""
    store = RunStore(EpisodeConfig(base_output_dir=str(tmp_path)), dict, 5.0)
    run_dir = store.open()
    store.write_document("tasks", name, {"name": repr(name)})
    path = document_path(run_dir, "tasks", name)
    assert path.parent == run_dir / "tasks"
    assert os.listdir(run_dir / "tasks") == [path.name]
    assert path.resolve().is_relative_to(run_dir / "tasks")
    assert json.loads(path.read_bytes()) == {"name": repr(name)}
    store.write_document("tasks", name, {"name": "another"})
    assert json.loads(path.read_bytes()) == {"name": repr(name)}
    store.write_document(name, "x", {})
    assert document_path(run_dir, name, "x").resolve().is_relative_to(run_dir)
    assert len(list(run_dir.parent.iterdir())) == 1
    store.finish("FINISHED", {})


def test_different_names_have_different_files(tmp_path: Path):
    """Encoding maps no two of them to one."""
    paths = {document_path(tmp_path, "tasks", name) for name in [*NAMES, "x" * 301, "a_b", "a b"]}
    assert len(paths) == len(NAMES) + 3


def test_a_store_that_keeps_nothing_leaves_nothing(tmp_path: Path):
    """The directory is made by the first write."""
    store = RunStore(EpisodeConfig(base_output_dir=str(tmp_path / "runs")), dict, 5.0)
    store.beat()
    store.finish("FINISHED", {})
    assert store.run_dir is None
    assert not (tmp_path / "runs").exists()
    store.append_event(Event("note", {}))
    assert store.run_dir is not None
    store.finish("FINISHED", {"episodes": 0})
    assert read_run_file(store.run_dir)["status"] == "FINISHED"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path):
    """The message names the path and the way out."""
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StorageError, match=r"not writable.*storage\.base_output_dir"):
            Recorder(config(tmp_path / "runs"))
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_the_directory_should_be_is_named(tmp_path: Path):
    """And the slot is free again."""
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StorageError, match="runs"):
        Recorder(config(tmp_path / "runs"), slot=3)
    with Recorder(config(tmp_path / "other"), slot=3) as recorder:
        assert recorder.slot == 3
