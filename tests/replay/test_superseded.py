"""Later attempts: which rows of the earlier ones count, whole or in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording import config, read

from jaxarc import Recorder, Step
from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.replay import ReplaySystem
from jaxarc.replay.superseded import Resume, attempt_of, superseded


def table(*rows: tuple[Any, ...]) -> EpisodeTable:
    """Return rows of (writer, stream, start_step, end_step, total_steps, end_time)."""
    writer, stream, start, end, total, time = zip(*rows, strict=True)
    return EpisodeTable(
        {
            "writer": np.array(writer, np.int32),
            "stream": encode_text(stream),
            "start_step": np.array(start),
            "end_step": np.array(end),
            "total_steps": np.array(total),
            "start_time": np.array(time, np.float64) - 1,
            "end_time": np.array(time, np.float64),
        }
    )


def resume(attempt: int = 2, writers: tuple[int, ...] = (0,), **at_step: int) -> Resume:
    return Resume(attempt, len(writers), at_step, frozenset(writers))


def test_rows_before_the_step_stay_and_those_after_it_are_hidden():
    """The new attempt's own rows stay, whatever their steps."""
    rows = table(
        (0, "train", 0, 40, 10, 1),
        (0, "train", 40, 80, 10, 2),
        (0, "train", 80, 120, 10, 3),
        (1, "train", 80, 120, 10, 9),
    )
    found = superseded(rows, [resume(train=80)])
    assert found.hidden.tolist() == [False, False, True, False]
    assert found.cut.tolist() == []


@pytest.mark.parametrize(("at_step", "steps"), [(41, None), (44, 1), (47, 1), (60, 5), (79, 9), (80, 10)])
def test_a_row_that_goes_on_beyond_the_step_is_cut_there(at_step: int, steps: int | None):
    """Four environments: each of its steps is four of the stream; what began and took none is hidden."""
    found = superseded(table((0, "train", 40, 80, 10, 1)), [resume(train=at_step)])
    assert found.hidden.tolist() == [steps is None]
    if steps == 10 or steps is None:
        assert found.cut.tolist() == []
    else:
        assert found.cut.tolist() == [0]
        assert found.steps.tolist() == [steps]
        assert found.end_step.tolist() == [40 + 4 * steps]


def test_other_streams_are_hidden_when_they_ended_after_the_step_was_passed():
    """The first sign that it was passed counts; where there is none, nothing is hidden."""
    rows = table(
        (0, "train", 0, 80, 20, 5),
        (0, "train", 80, 120, 10, 9),
        (0, "eval", 0, 9, 9, 7),
        (0, "eval", 9, 18, 9, 11),
    )
    assert superseded(rows, [resume(train=80)]).hidden.tolist() == [False, True, False, True]
    assert not superseded(rows, [resume(train=120)]).hidden.any()
    assert not superseded(rows, [resume()]).hidden.any()


def test_attempts_add_up():
    """A third attempt may go back further than the second; each overrules those before it."""
    rows = table((0, "train", 0, 80, 20, 1), (1, "train", 60, 120, 15, 5), (2, "train", 40, 80, 10, 9))
    resumes = [resume(2, (0,), train=60), resume(3, (0, 1), train=40)]
    found = superseded(rows, resumes)
    assert found.hidden.tolist() == [False, True, False]
    assert (found.cut.tolist(), found.steps.tolist()) == ([0], [10])
    assert [attempt_of(writer, resumes) for writer in range(4)] == [1, 2, 3, 3]


def test_a_resumed_run_has_each_step_once(run_root: Path):
    """Recorded for real: rows, the shorter row's reward and metrics, its arrays, and what is hidden."""

    def play(recorder: Recorder, first: int, count: int) -> None:
        for time in range(first, first + count):
            at = np.full(2, time, np.int32)
            ends = np.array([time % 5 == 4, False])
            recorder.tap(
                Step(
                    observation={"count": at},
                    next_observation={"count": at + 1},
                    reward=at.astype(np.float32),
                    terminated=ends,
                    metrics={"half": at / np.float32(2)},
                )
            )

    with Recorder(config(run_root)) as first:
        play(first, 0, 12)
    with Recorder(config(run_root), resume=first.run_dir, at_step=16) as second:
        play(second, 8, 4)
    run = read(second)
    counted = sorted(
        (row.env_id, row.start_step // 2, row.total_steps, row.attempt) for row in run.episodes()
    )
    assert counted == [(0, 0, 5, 1), (0, 5, 3, 1), (0, 8, 2, 2), (0, 10, 2, 2), (1, 0, 8, 1), (1, 8, 4, 2)]
    (row,) = run.episodes("env_id == 1 and attempt == 1")
    assert (row.ended, row.complete, row.end_step, row.stored_steps) == ("cut", False, 16, 8)
    assert (row.total_reward, row.half_last, row.half_min, row.half_max) == (28.0, 3.5, 0.0, 3.5)
    episode = run.load_episode(row.episode)
    assert dict(episode.row) == dict(row)
    assert episode.observation["count"].tolist() == list(range(9))
    assert episode.reward.tolist() == list(range(8))
    every = ReplaySystem(run.run_dir, include_hidden=True)
    assert len(every) == len(run) + 1
    (hidden,) = every.episodes("hidden")
    assert (hidden.env_id, hidden.start_step, hidden.writer) == (0, 20, 0)
    assert run.load_episode(hidden.episode).total_steps == 2
