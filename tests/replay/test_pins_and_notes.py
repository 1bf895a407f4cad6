"""Pins and notes: kept in the run, by several people at once, and felt by nothing that records it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from chunks import flat_recording, layout_of
from segment_runs import segmented_run

import jaxarc
from jaxarc.config import EpisodeConfig
from jaxarc.errors import EpisodeNotFoundError, ReplayError, StorageError
from jaxarc.records.events import Event, encode_event
from jaxarc.records.layout import FLAG_TERMINATED
from jaxarc.replay import ReplaySystem
from jaxarc.replay.annotated import page_annotations
from jaxarc.storage import clean_run, inspect_run, repair_run
from jaxarc.storage.attempts import plan_attempt
from jaxarc.storage.writers import next_writer

MODES_ONLY = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
MARKUP = "<script>alert('x')</script> & \"quotes\" \u2028 🙂"


def recorded(root: Path, *, ended: bool = True) -> Path:
    """Twelve episodes of five steps; the last one is open while the run is."""
    flags = np.zeros((1, 58), np.int32)
    flags[:, 4::5] = FLAG_TERMINATED
    store = segmented_run(root, flat_recording(flags, layout=layout_of()), range(0, 58, 15), [0], ends=ended)
    if ended:
        store.finish("FINISHED", {"episodes": 12})
    return store.open()


@pytest.fixture
def run(tmp_path: Path) -> ReplaySystem:
    return ReplaySystem(recorded(tmp_path))


def test_pins_and_notes_come_back_and_can_be_asked_for(run: ReplaySystem):
    """By whoever opens the run; in the order in which they were made."""
    run.note("the whole run")
    run.pin(3, "5")
    run.note(MARKUP, episode=3, step=4)
    run.note("twice", episode="episode_0003")
    run.unpin(5)
    other = ReplaySystem(run.run_dir)
    assert other.pinned() == [(0, 3)]
    assert [(note.episode, note.step, note.text) for note in other.notes()] == [
        (None, None, "the whole run"),
        (3, 4, MARKUP),
        (3, None, "twice"),
    ]
    assert [note.text for note in other.notes(episode=3)] == [MARKUP, "twice"]
    assert [note.about for note in other.notes()] == ["run", "episode 3, step 4", "episode 3"]
    table = other.episodes(where="pinned or notes > 0", sort="-notes")
    assert (table["episode"].tolist(), table["notes"].tolist()) == ([3], [2])
    assert other.episodes(where="not pinned")["episode"].tolist() == [n for n in range(12) if n != 3]
    assert [event.type for event in other.events("pin")] == ["pin"] * 3


def test_a_run_without_any_has_the_columns_only_for_who_asks(run: ReplaySystem):
    """Tables of others stay as they are."""
    assert "pinned" not in run.episodes()
    assert len(run.episodes(where="pinned or notes > 0")) == 0
    assert (run.pinned(), run.notes()) == ([], [])


def test_several_people_annotate_at_once(run: ReplaySystem):
    """Threads, other readers and other processes: nothing is lost, and no file has two writers."""
    script = (
        "import sys, jaxarc\nrun = jaxarc.open(sys.argv[1])\n"
        "for n in range(10): run.note(f'process {n}', episode=n)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(run.run_dir)])
    second = ReplaySystem(run.run_dir)

    def write(system: ReplaySystem, name: str) -> None:
        for number in range(10):
            system.note(f"{name} {number}", episode=number)

    threads = [
        threading.Thread(target=write, args=(system, name))
        for name, system in (("a", run), ("b", run), ("c", second))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert process.wait(timeout=60) == 0
    texts = [note.text for note in run.notes()]
    assert sorted(texts) == sorted(f"{name} {n}" for name in ("a", "b", "c", "process") for n in range(10))
    assert len(list((run.run_dir / "events").glob("notes-*.jsonl"))) == 3
    assert inspect_run(run.run_dir).is_whole


def test_a_process_that_was_forked_makes_a_file_of_its_own(run: ReplaySystem):
    """Two would count their events alike."""
    run.note("before")
    run.annotations._pid = -1
    run.note("after")
    assert len(list((run.run_dir / "events").glob("notes-*.jsonl"))) == 2


def test_who_annotates_is_no_writer_of_the_run(run: ReplaySystem, tmp_path: Path):
    """A finished run stays finished, a running one runs, and the next attempt is the writer it would be."""
    run.pin(1)
    assert ReplaySystem(run.run_dir).status == "FINISHED"
    assert next_writer(run.run_dir) == 1
    assert plan_attempt(run.run_dir, None).writers == ("p000",)
    running = ReplaySystem(recorded(tmp_path / "running", ended=False))
    assert running.status == "RUNNING"
    running.note("while it runs", episode=2)
    assert ReplaySystem(running.run_dir).status == "RUNNING"
    with pytest.raises(ReplayError, match="episode 11 still runs, and gets its number when it ends"):
        running.pin(11)


def test_a_pinned_episode_keeps_its_steps_until_it_is_unpinned(run: ReplaySystem):
    """Through a cleaning and its compaction, which leave the notes as well."""
    config = EpisodeConfig(max_episodes_per_run=2, cleanup_policy="oldest_first")
    run.pin(3)
    run.note("look here", episode=3)
    clean_run(run.run_dir, config)
    after = ReplaySystem(run.run_dir)
    assert after.episodes("stored_steps > 0")["episode"].tolist() == [0, 3]
    assert len(after.load_episode(3).reward) == 5
    assert [note.text for note in after.notes()] == ["look here"]
    after.unpin(3)
    clean_run(run.run_dir, EpisodeConfig(max_episodes_per_run=1, cleanup_policy="oldest_first"))
    assert ReplaySystem(run.run_dir).episodes("stored_steps > 0")["episode"].tolist() == [0]


def test_a_repair_keeps_what_was_written_before_and_after_damage(run: ReplaySystem):
    """A torn line costs itself; the next note finds another file where the old one was moved."""
    run.pin(3)
    run.note("kept")
    (path,) = (run.run_dir / "events").glob("notes-*.jsonl")
    with path.open("ab") as file:
        file.write(b'{"v":1,"t":"no')
    found = inspect_run(run.run_dir)
    assert [finding.path for finding in found.damaged] == [f"events/{path.name}"]
    repair_run(found)
    assert inspect_run(run.run_dir).is_whole
    assert (run.pinned(), [note.text for note in run.notes()]) == ([(0, 3)], ["kept"])
    path.unlink()
    run.note("after")
    assert [note.text for note in ReplaySystem(run.run_dir).notes()] == ["after"]


def test_odd_events_of_others_are_passed_over(run: ReplaySystem):
    """Whatever a file says: no note, no pin, no error."""
    odd = [
        Event("note", {"text": "fine", "episode": "3"}, 0, 1),
        Event("note", {}, 1, 2),
        Event("note", {"text": "no number", "episode": "x"}, 2, 3),
        Event("pin", {"episode": None}, 3, 4),
        Event("pin", {"episode": 4, "writer": "p000"}, 4, 5),
        Event("tombstone", {}, 5, 6),
    ]
    path = run.run_dir / "events" / "notes-00000000.jsonl"
    path.write_bytes(b"".join(map(encode_event, odd)) + b"junk\n")
    assert run.pinned() == []
    assert [(note.text, note.episode) for note in run.notes()] == [("fine", 3)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"text": " "}, "a note has 1 to 10,000 characters, got 1"),
        ({"text": "x" * 10_001}, "got 10,001"),
        ({"text": "x", "step": 3}, "step 3 of which episode"),
        ({"text": "x", "episode": 3, "step": 5}, "episode 3 has steps 0 to 4, got 5"),
        ({"text": "x", "episode": 3, "step": -1}, "episode 3 has steps 0 to 4, got -1"),
        ({"text": "x", "episode": 99}, "has no episode 99; it has 0 to 11"),
    ],
    ids=["empty", "long", "step alone", "no such step", "before it", "no such episode"],
)
def test_what_cannot_be_noted_is_refused(run: ReplaySystem, options: dict[str, object], words: str):
    """With what there is."""
    with pytest.raises(ReplayError, match=words):
        run.note(**options)
    with pytest.raises(EpisodeNotFoundError):
        run.pin(2, 99)
    assert (run.notes(), run.pinned()) == ([], [])


@pytest.mark.skipif(bool(MODES_ONLY) and shutil.which("setpriv") is None, reason="root may write anywhere")
def test_a_run_that_can_only_be_read_says_so(run: ReplaySystem):
    """And is read as ever."""
    script = (
        "import sys, jaxarc\nfrom jaxarc.errors import StoragePermissionError\n"
        "run = jaxarc.open(sys.argv[1])\n"
        "try: run.pin(3)\nexcept StoragePermissionError as error: print(error)\nassert not run.pinned()\n"
    )
    folder = run.run_dir / "events"
    folder.chmod(0o555)
    try:
        done = subprocess.run(
            [*MODES_ONLY, sys.executable, "-c", script, str(run.run_dir)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    finally:
        folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert f"run {run.name} can only be read" in done.stdout
    assert "copy it to where you may write" in done.stdout


def test_a_failing_disk_is_an_error_and_the_next_note_is_whole(run: ReplaySystem):
    """A folder where the file should be."""
    run.note("one")
    (path,) = (run.run_dir / "events").glob("notes-*.jsonl")
    path.rename(path.with_suffix(".old"))
    path.mkdir()
    with pytest.raises(StorageError):
        run.note("lost")
    path.rmdir()
    path.with_suffix(".old").rename(path)
    run.note("two")
    assert [note.text for note in run.notes()] == ["one", "two"]


def test_notes_stand_in_the_page_as_text(run: ReplaySystem, tmp_path: Path):
    """Whatever markup is in them; those on an episode lie beside it."""
    empty = jaxarc.open(run.run_dir).save_html(tmp_path / "empty.html", where="episode == 3").read_text()
    run.note(MARKUP, episode=3, step=2)
    run.pin(3)
    page = jaxarc.open(run.run_dir).save_html(tmp_path / "page.html", where="notes > 0").read_text()
    assert "<script>alert" not in page
    assert page != empty
    key = (run.run_dir, 0, 3)
    assert page_annotations([run.run_dir, tmp_path]) == {"remarks": {key: [(2, MARKUP)]}, "pinned": {key}}
