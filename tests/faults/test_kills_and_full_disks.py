"""Killed at a random moment, or out of space: what was flushed is there, and nothing is damaged."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from child import Child, episodes_of, run_child

LOOP = """
recorder = Recorder(config(ROOT, pipeline={"flush_interval": 0.05}, storage={"segment_bytes": 2_000}))
for n in range(100_000):
    play(recorder, 10 * n)
    if n % 5 == 0:
        assert recorder.flush()
        say(n)
"""


@pytest.mark.parametrize("moment", [2])
def test_sigkill_loses_nothing_that_was_flushed(run_root: Path, moment: int):
    """The run reads as LOST, every flushed episode is whole, no file is damaged."""
    child = Child(run_root, LOOP)
    flushed = -1
    for _ in range(2 + moment):
        flushed = int(child.heard())
    time.sleep(random.Random(moment).uniform(0.0, 0.3))
    child.kill(signal.SIGKILL)
    child.ended()
    run = child.run()
    assert run.status == "LOST"
    assert run.problems == ()
    found = episodes_of(run)
    promised = [
        [env, *range(first, first + 6)]
        for n in range(flushed + 1)
        for env, first in [(0, 10 * n), (0, 10 * n + 5), (1, 10 * n + 5), (1, 10 * n + 10)]
    ]
    assert [episode for episode in promised if episode not in found] == []
    assert len({tuple(episode) for episode in found}) == len(found)


@pytest.mark.long
@pytest.mark.parametrize("moment", range(50))
def test_fifty_kills(run_root: Path, moment: int):
    """The same at fifty moments."""
    test_sigkill_loses_nothing_that_was_flushed(run_root, moment % 7)


def test_a_file_size_limit_costs_steps_loudly_and_rows_never_silently(run_root: Path):
    """RLIMIT_FSIZE stands in for a full disk: training goes on, and what is on disk reads."""
    code, errors, run = run_child(
        run_root,
        """
        with Recorder(config(ROOT, storage={"compression": "none"})) as recorder:
            play(recorder, 0)
            assert recorder.flush()
            resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, resource.RLIM_INFINITY))
            for n in range(1, 4):
                play(recorder, 10 * n)
                assert not recorder.flush()
            health = recorder.health()
            assert health.errors >= 3, health
            assert health.rows_waiting == 12, health
            assert health.dropped_steps > 0, health
            assert "File too large" in health.first_error, health.first_error
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            play(recorder, 40)
            assert recorder.flush(), recorder.health().first_error
            assert recorder.health().rows_waiting == 0
        """,
    )
    assert code == 0, errors
    assert "given up; rows are kept" in errors
    assert "recording lost something" in errors
    assert run.status == "FINISHED"
    rows = run.episodes()
    assert len(rows) == 20
    assert rows["episode"].tolist() == list(range(20))
    for row in rows:
        if row.stored_steps:
            assert len(run.load_episode(row.episode).reward) == row.stored_steps
    assert [row.stored_steps for row in rows][:4] == [5] * 4
    assert [row.stored_steps for row in rows][-4:] == [5] * 4
    assert not list((run.run_dir / "steps").glob(".*"))


def test_strict_raises_at_close_what_could_not_be_written(run_root: Path):
    """``pipeline.strict`` is for those who would rather stop; the way out still ends the run."""
    code, errors, run = run_child(
        run_root,
        """
        from jaxarc.errors import StorageError
        recorder = Recorder(config(ROOT, pipeline={"strict": True}))
        play(recorder, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, resource.RLIM_INFINITY))
        assert not recorder.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        try:
            recorder.close()
        except StorageError as error:
            assert "File too large" in str(error)
        else:
            raise AssertionError("close raised nothing")
        """,
    )
    assert code == 0, errors
    assert run.status == "FINISHED"
    assert len(run) == 4


def test_a_disk_that_is_full_to_the_end_leaves_what_was_written(run_root: Path):
    """Neither run.json nor the index can be replaced: close says so, and the run still reads."""
    code, errors, run = run_child(
        run_root,
        """
        with Recorder(config(ROOT)) as recorder:
            play(recorder, 0)
            assert recorder.flush()
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
            play(recorder, 10)
        """,
    )
    assert code == 0, errors
    assert "could not be ended properly" in errors
    assert run.status == "LOST"
    assert len(run) == 4
    assert len(episodes_of(run)) == 4
