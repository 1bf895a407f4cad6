"""The summary of a run says what its rows and files say."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest
from run_rows import make_rows, run_of_rows

import jaxarc
from jaxarc.records.events import Event
from jaxarc.records.table import EpisodeTable
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views.run_summary import summarise_run

UNSTORED = np.zeros(60, np.int64)


def test_the_numbers_of_a_recorded_run_are_those_of_its_rows(arc_run: ReplaySystem):
    """Counts, means, tasks and remarkable episodes, against a loop over the rows."""
    summary = summarise_run(arc_run)
    rows = list(arc_run.episodes())
    ended = [row for row in rows if row.ended != "cut"]
    assert (summary.status, summary.picture.num_episodes) == ("FINISHED", len(rows))
    assert summary.num_cut == len(rows) - len(ended)
    assert summary.picture.num_solved == sum(row.success for row in rows)
    assert summary.picture.env_steps == max(row.end_step for row in rows)
    assert summary.mean_return == pytest.approx(statistics.mean(row.total_reward for row in ended))
    assert summary.mean_length == pytest.approx(statistics.mean(row.total_steps for row in ended))
    assert summary.num_stored == sum(row.stored_steps > 0 for row in rows)
    assert summary.num_stored_steps == sum(row.stored_steps for row in rows)
    assert summary.remarkable["best"].total_reward == max(row.total_reward for row in ended)
    assert summary.remarkable["longest"].total_steps == max(row.total_steps for row in ended)
    by_task = {task: [row for row in ended if row.task_id == task] for task in {row.task_id for row in ended}}
    assert {count.task_id: count.attempts for count in summary.tasks} == {
        task: len(tried) for task, tried in by_task.items()
    }
    segments = list((arc_run.run_dir / "steps").glob("*.h5"))
    assert summary.num_segments == len(segments)
    assert summary.segment_bytes == sum(path.stat().st_size for path in segments)
    assert len(summary.examples) == min(24, summary.num_stored)


def test_a_run_says_at_its_end_what_recording_cost(arc_run: ReplaySystem):
    """``run.json`` keeps the seconds and bytes that ``health()`` counted."""
    summary = summarise_run(arc_run)
    said = arc_run.info["costs"]
    assert said["accepted_bytes"] > 0
    assert said["write_s"] > 0
    assert summary.cost is not None
    assert summary.cost.accepted_bytes == said["accepted_bytes"]
    taken = said["callback_s"] + said["blocked_s"]
    assert summary.cost.share == pytest.approx(taken / arc_run.info["duration_s"])
    assert (summary.losses, summary.is_whole) == ({}, True)


def test_what_differs_from_the_defaults_comes_by_key(arc_run: ReplaySystem):
    """Every other key is as it is by default."""
    changes = summarise_run(arc_run).changes
    assert changes["capture.level"] == ("verbose", "standard")
    assert changes["capture.envs"][0] == 2
    assert changes["visualization.live.enabled"] == (False, True)
    assert "capture.keep" not in changes


def test_losses_and_notes_are_told(tmp_path: Path):
    """Losses by kind, shedding by why, errors of the disk with what was done, episodes that gave up steps."""
    events = [
        Event("shedding", {"kind": "overflow", "on": True}),
        Event("shedding", {"kind": "overflow", "on": False}),
        Event("metric_batch", {"text": '"t":"shedding"'}),
        Event("storage_error", {"error": "DiskSpaceError", "message": "full", "action": "made room"}),
        Event("storage_error", {"error": "", "message": "", "action": "written again"}),
        Event(
            "tombstone", {"episodes": [["p000", 1], ["p000", 2]], "policy": "size_based", "reason": "full"}
        ),
        Event("tombstone", {"episodes": "odd"}),
    ]
    lost = {"losses": {"dropped_steps": 7}}
    run = jaxarc.open(
        run_of_rows(tmp_path, make_rows(60, stored_steps=UNSTORED), summary=lost, events=events)
    )
    summary = summarise_run(run)
    assert (summary.losses, summary.is_whole) == ({"dropped_steps": 7}, False)
    assert summary.notes.shed == {"overflow": 1}
    assert [(note.message, note.action) for note in summary.notes.storage_errors] == [("full", "made room")]
    assert summary.notes.given_up == {"size_based: full": 2}
    assert summary.cost is None


def test_of_a_run_that_nobody_ended_losses_are_not_known(tmp_path: Path):
    """Neither "nothing was lost" nor a number; a damaged segment is a problem."""
    rows = make_rows(60, stored_steps=UNSTORED)
    run_dir = run_of_rows(tmp_path, rows, status=None)
    summary = summarise_run(jaxarc.open(run_dir))
    assert (summary.status, summary.losses, summary.is_whole) == ("LOST", None, None)
    assert summary.picture.num_episodes == 60
    (segment,) = (run_dir / "steps").glob("*.h5")
    segment.write_bytes(segment.read_bytes()[:500])
    summary = summarise_run(jaxarc.open(run_dir))
    assert summary.is_whole is False
    assert segment.name in summary.problems[0]


def test_success_is_not_known_where_nobody_says_it(tmp_path: Path):
    """A run whose program gave no success and stored no steps has returns instead."""
    rows = make_rows(60, stored_steps=UNSTORED, success=np.zeros(60, bool))
    summary = summarise_run(jaxarc.open(run_of_rows(tmp_path, rows)))
    assert summary.picture.num_solved is None
    (stream,) = summary.picture.streams
    assert stream.success is None
    assert stream.strip.values_are == "return"


def test_an_empty_run_and_one_whose_files_are_odd_have_a_summary(tmp_path: Path):
    """No episode, no configuration, a ``run.json`` full of nonsense."""
    run_dir = run_of_rows(tmp_path, EpisodeTable.empty())
    (run_dir / "config" / "config.json").write_text("[1]")
    said = json.loads((run_dir / "run.json").read_bytes())
    odd = {"created": "yesterday", "losses": 3, "costs": [1], "duration_s": None, "versions": 7}
    (run_dir / "run.json").write_text(json.dumps(said | odd))
    summary = summarise_run(jaxarc.open(run_dir))
    assert (summary.created, summary.losses, summary.cost, summary.config) == (None, None, None, None)
    assert (summary.picture.num_episodes, summary.picture.streams, dict(summary.changes)) == (0, (), {})
    assert summary.env_steps_per_s is None
