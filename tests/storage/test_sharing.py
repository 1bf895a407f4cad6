"""Several writers of one run: who may join, what each writes, and what the run says of them."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from child import Child
from recording import config, read

from jaxarc import Recorder, Step
from jaxarc.errors import StorageError
from jaxarc.storage import JOIN_VARIABLE, derive_status, origins, read_run_file
from jaxarc.storage.event_log import EventLog

OPTIONS: dict[str, Any] = {"capture": {"level": "minimal"}}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No invitation from outside; what a test sets goes with it."""
    monkeypatch.delenv(JOIN_VARIABLE, raising=False)


def play(recorder: Recorder, reward: float) -> None:
    """Record one episode of one step."""
    recorder.tap(Step(reward=np.full(1, reward, np.float32), terminated=np.ones(1, bool)))


def rewards(run: Any) -> dict[int, list[float]]:
    """Return the rewards of each writer's episodes, by episode number."""
    found: dict[int, list[float]] = {}
    for row in run.episodes(sort="episode"):
        found.setdefault(int(row.writer), []).append(float(row.total_reward))
    return found


def test_writers_of_one_run_keep_files_of_their_own_and_readers_merge_them(run_root: Path):
    """Numbers are dense per writer, run.json is the owner's and counts everybody who has ended."""
    with Recorder(config(run_root, **OPTIONS)) as owner:
        invitation = owner.share()
        with Recorder(config(run_root, **OPTIONS), join=invitation) as second:
            for recorder, reward in [(owner, 1.0), (second, 10.0), (second, 11.0), (owner, 2.0)]:
                play(recorder, reward)
            assert second.run_dir == owner.run_dir
            third = Recorder(config(run_root, **OPTIONS), join=second.share())
            play(third, 20.0)
            third.close("FAILED")
            third.close()
    run = read(owner)
    assert rewards(run) == {0: [1.0, 2.0], 1: [10.0, 11.0], 2: [20.0]}
    assert (run.status, run.info["episodes"], run.info["env_steps"], run.problems) == ("FINISHED", 5, 5, ())
    assert run.info["writers"] == {"p001": "FINISHED", "p002": "FAILED"}
    assert run.load_episode(0, writer=2).row.total_reward == 20.0
    assert sorted(path.name for path in (run.run_dir / "steps").iterdir()) == [
        f"p{number:03d}-000001.h5" for number in range(3)
    ]
    starts, ends = list(run.events("writer_start")), list(run.events("writer_end"))
    assert [event.writer for event in starts] == [event.payload["writer"] for event in starts]
    assert [event.writer for event in starts] == ["p001", "p002"]
    assert starts[0].payload["pid"] == os.getpid()
    assert [event.payload["status"] for event in ends] == ["FINISHED", "FAILED"]
    assert ends[0].payload["counts"]["episodes"] == 2
    assert len(list((run_root / "default").iterdir())) == 1


def test_missing_segments_of_one_writer_are_noticed(run_root: Path):
    """Rows that another writer has besides do not hide them."""
    with Recorder(config(run_root, **OPTIONS)) as owner:
        with Recorder(config(run_root, **OPTIONS), join=owner.share()) as second:
            play(second, 1.0)
        play(owner, 1.0)
        (Path(str(owner.run_dir)) / "steps" / "p001-000001.h5").unlink()
    assert "hold 0 episodes of writer p001, run.json counted 1" in str(read(owner).problems[0])


def test_the_process_that_shares_does_not_join_itself(run_root: Path):
    """Its next recorder has a run of its own; the variable goes with the recorder that set it."""
    with Recorder(config(run_root, **OPTIONS)) as first:
        assert first.share() == first.share() == os.environ[JOIN_VARIABLE]
        with Recorder(config(run_root, **OPTIONS)) as second:
            assert second.run_dir != first.run_dir
    assert JOIN_VARIABLE not in os.environ


def test_a_run_is_running_while_any_of_its_writers_is(run_root: Path):
    """The owner's end is not the end of the others; a writer that is gone counts no more."""
    owner = Recorder(config(run_root, **OPTIONS))
    second = Recorder(config(run_root, **OPTIONS), join=owner.share())
    owner.close()
    run_dir = Path(str(owner.run_dir))
    assert read_run_file(run_dir)["writers"] == {"p001": "RUNNING"}
    assert read(owner).status == "RUNNING"
    second.close()
    assert read(owner).status == "FINISHED"


def write_events(run_dir: Path, writer: str, *events: tuple[str, dict[str, Any]]) -> Path:
    """Write an event file as a process on another machine would."""
    path = run_dir / "events" / f"{writer}-000001.jsonl"
    lines = [
        json.dumps({"v": 1, "t": kind, "m": {"seq": seq, "ts": 0, "wid": writer}, "p": payload})
        for seq, (kind, payload) in enumerate(events)
    ]
    path.write_text("\n".join([*lines, "torn {"]))
    return path


@pytest.mark.parametrize(
    ("process", "age_s", "status"),
    [
        ({"hostname": "another", "pid": 1, "heartbeat_s": 5.0}, 0, "RUNNING"),
        ({"hostname": "another", "pid": 1, "heartbeat_s": 5.0}, 50, "RUNNING"),
        ({"hostname": "another", "pid": 1, "heartbeat_s": 5.0}, 70, "LOST"),
        ({"hostname": "another", "pid": 1, "heartbeat_s": 50.0}, 70, "RUNNING"),
        ({"hostname": socket.gethostname(), "pid": 2**22 + 5, "heartbeat_s": 5.0}, 0, "LOST"),
        ({}, 70, "LOST"),
    ],
)
def test_the_status_of_a_run_without_its_owner(
    run_root: Path, process: dict[str, Any], age_s: float, status: str
):
    """Who joined answers with pid and host where that is to be had, and by the age of its event file."""
    with Recorder(config(run_root, **OPTIONS)) as owner:
        owner.share()
    run_dir = Path(str(owner.run_dir))
    info = {**read_run_file(run_dir), "status": "RUNNING", "pid": 2**22 + 1}
    info.pop("writers", None)
    assert derive_status(run_dir, info) == "LOST"
    path = write_events(run_dir, "p001", ("writer_start", process))
    modified = path.stat().st_mtime - age_s
    os.utime(path, (modified, modified))
    assert derive_status(run_dir, info) == status
    write_events(run_dir, "p001", ("writer_start", process), ("writer_end", {"status": "FINISHED"}))
    assert derive_status(run_dir, info) == "LOST"


def test_what_cannot_be_joined_is_refused_in_words(run_root: Path):
    """A wrong token, a run that is gone, one that has ended, words that are no invitation."""
    with Recorder(config(run_root, **OPTIONS)) as owner:
        token, _, path = owner.share().partition(":")
        for text, words in [
            (f"{token[::-1]}0:{path}", r"the invitation is not .* this run's"),
            (f"{token}:{path}x", "the run to join is not there; unset JAXARC_RUN"),
            ("latest", "is no invitation to a run"),
            (f":{path}", "is no invitation"),
            (f"{token}:", "is no invitation"),
        ]:
            with pytest.raises(StorageError, match=words):
                Recorder(config(run_root, **OPTIONS), join=text)
        with pytest.raises(StorageError, match="joined or resumed"):
            Recorder(config(run_root, **OPTIONS), join=f"{token}:{path}", resume="latest")
        share = Path(path) / "share.json"
        whole = share.read_text()
        share.write_text(whole.replace('"schema_version": 1', '"schema_version": 99'))
        with pytest.raises(StorageError, match=r"schema_version 99, this jaxarc knows 1; update it"):
            Recorder(config(run_root, **OPTIONS), join=f"{token}:{path}")
        share.write_text(whole[:-5])
        with pytest.raises(StorageError, match="the run to join is damaged"):
            Recorder(config(run_root, **OPTIONS), join=f"{token}:{path}")
        share.write_text(whole)
    with pytest.raises(StorageError, match=r"the run to join has ended \(FINISHED\)"):
        Recorder(config(run_root, **OPTIONS), join=f"{token}:{path}")
    assert len(list((Path(path) / "events").iterdir())) == 1


def test_writers_that_come_at_once_have_names_of_their_own(tmp_path: Path):
    """Names are taken by making a file; nobody waits, and none is given twice."""
    (tmp_path / "events").mkdir()
    with ThreadPoolExecutor(16) as pool:
        logs = list(pool.map(lambda _: origins.claim_next_writer(tmp_path), range(32)))
    assert sorted(log.writer for log in logs) == [f"p{number:03d}" for number in range(32)]
    for log in logs:
        log.close()


def test_a_run_that_ends_while_it_is_joined_is_left_again(run_root: Path, monkeypatch: pytest.MonkeyPatch):
    """The owner ended without knowing of the writer: nothing is recorded that its counts would miss."""
    owner = Recorder(config(run_root, **OPTIONS))
    claim = origins.claim_next_writer

    def ends_first(run_dir: Path) -> EventLog:
        owner.close()
        return claim(run_dir)

    monkeypatch.setattr(origins, "claim_next_writer", ends_first)
    with pytest.raises(StorageError, match="has ended"):
        Recorder(config(run_root, **OPTIONS), join=owner.share())
    run = read(owner)
    assert run.status == "FINISHED"
    assert [event.payload["status"] for event in run.events("writer_end")] == ["REFUSED"]


def test_a_child_of_a_recorder_that_is_off_knows_so(run_root: Path, caplog: pytest.LogCaptureFixture):
    """It records nothing, whatever its own configuration says, and tells why; so do its children."""
    caplog.set_level(logging.INFO, "jaxarc")
    with Recorder(config(run_root, "off")) as parent:
        text = parent.share()
        with Recorder(config(run_root), join=text) as child:
            play(child, 1.0)
            child.log({"loss": 1.0})
            assert child.run_dir is None
            assert child.share() == text
    assert f"records nothing, as process {os.getpid()} shares a run at capture.level=off" in caplog.text
    assert list(run_root.rglob("*")) == []


PROCESSES = """
import numpy as np

OPTIONS = config(ROOT, pipeline={"flush_interval": 0.2})

def work(process):
    with Recorder(OPTIONS) as recorder:
        def logs(thread):
            for i in range(COUNT):
                number = (process * 8 + thread) * COUNT + i
                with recorder.episode(labels={"number": number}) as episode:
                    for step in range(3):
                        seen = np.array([number, step])
                        episode.step(seen, step, 1.0, seen + [0, 1], terminated=step == 2)
                recorder.log({"number": number})
        threads = [threading.Thread(target=logs, args=(thread,)) for thread in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert recorder.flush()

def fork(process):
    child = os.fork()
    if child:
        return child
    try:
        work(process)
        code = 0
    except BaseException as error:
        print(repr(error), file=sys.stderr, flush=True)
        code = 1
    os._exit(code)

# Forked before JAX has threads, so that what is imported is imported once.
children = [fork(process) for process in range(8)]
say(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def eight_processes_of_eight_threads(root: Path, count: int) -> None:
    """Record ``count`` episodes and metrics a thread, and look for every one of them."""
    with Recorder(config(root, **OPTIONS)) as owner:
        owner.share()
        child = Child(root, f"COUNT = {count}\n{PROCESSES}")
        failed, (code, errors) = child.heard(), child.ended()
        assert (code, failed) == (0, "0"), errors
    run = read(owner)
    assert run.problems == ()
    assert run.info["episodes"] == len(run) == 64 * count
    assert run.info["writers"] == {f"p{number:03d}": "FINISHED" for number in range(1, 9)}
    assert sorted(run.episodes()["number"].tolist()) == list(range(64 * count))
    for row in run.episodes():
        seen = run.load_episode(row.episode, writer=row.writer).observation
        assert seen.tolist() == [[row.number, step] for step in range(4)]
    for number in range(1, 9):
        mine = run.episodes(f"writer == {number}")
        assert sorted(mine["episode"].tolist()) == list(range(8 * count))
        processes = set((mine["number"] // (8 * count)).tolist())
        assert len(processes) == 1
    logged = [int(event.payload["metrics"]["number"]) for event in run.events("metric_batch")]
    assert sorted(logged) == list(range(64 * count))
    for number in range(1, 9):
        seqs = [event.seq for event in run.events() if event.writer == f"p{number:03d}"]
        assert seqs == list(range(8 * count + 2))


def test_eight_processes_of_eight_threads_lose_and_repeat_nothing(run_root: Path):
    """They join by the environment; every episode and every metric is there once, in no gap."""
    eight_processes_of_eight_threads(run_root, 4)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:.*fork.*:RuntimeWarning")
def test_a_forked_child_of_a_recording_process_may_join_it(run_root: Path):
    """Its parent's recorder stays the parent's; one of its own is another writer of the run."""
    with Recorder(config(run_root)) as owner:
        owner.share()
        owner.log({"a": 1.0})
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.alarm(60)  # a child that hangs is killed
                with Recorder(config(run_root)) as recorder:
                    owner.close()
                    with recorder.episode() as episode:
                        episode.step(np.zeros(2), 0, 5.0, np.ones(2), terminated=True)
                    code = 0 if recorder.flush() and recorder.run_dir == owner.run_dir else 1
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        play(owner, 1.0)
    assert rewards(read(owner)) == {0: [1.0], 1: [5.0]}
    assert read(owner).info["writers"] == {"p001": "FINISHED"}


@pytest.mark.long
def test_eight_processes_of_eight_threads_for_longer(run_root: Path):
    """The same with more of everything."""
    eight_processes_of_eight_threads(run_root, 500)
