"""Leaderboards: the best run first, by the direction that was declared."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from experiment_runs import experiment_run

import jaxarc
from jaxarc.errors import QueryError
from jaxarc.records.experiment_events import DefineMetric, MetricBatch, Table
from jaxarc.replay import ReplaySystem, Runs
from jaxarc.storage import find_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Five runs with a loss, of which two are equal, one is NaN and one has none."""
    root = tmp_path_factory.mktemp("ranked")
    for number, losses in enumerate(([0.3], [0.1, 0.2], [0.2], [math.nan], [])):
        said = [DefineMetric(key="loss", direction="minimize")]
        said += [MetricBatch(metrics={"acc": 0.1 * number}, ctx={"phase": "val"})] if number else []
        said += [MetricBatch(metrics={"count": 10 ** (400 * number)})] if number < 2 else []
        params = {"lr": number / 10, "same": 1}
        experiment_run(
            root / "exp" / f"r{number}", params=params, metrics={"loss": losses}, said=said, created=number
        )
    return Runs([ReplaySystem(run_dir) for run_dir in find_runs(root)])


def test_the_best_comes_first_and_what_is_no_number_last(runs: Runs):
    """Equal runs share a rank; NaN and missing have none."""
    board = runs.leaderboard("loss")
    assert [(each.run, each.rank) for each in board.runs[:3]] == [("r1", 1), ("r2", 1), ("r0", 3)]
    assert {each.run: each.rank for each in board.runs[3:]} == {"r3": None, "r4": None}
    assert runs.best("loss").name == "r1"
    assert runs.best("loss", direction="maximize").name == "r0"
    assert runs.best("loss", of="min").name == "r1"
    chosen = runs.leaderboard("loss", where="lr > 0.15 and status == 'FINISHED'")
    assert chosen[0].run == "r2"
    assert runs.best("acc[phase=val]", direction="maximize").name == "r4"
    assert runs.best("acc", direction="maximize").name == "r4"


def test_a_whole_number_beyond_what_a_float_holds_is_not_ranked(runs: Runs):
    """It is listed and shown, and ends neither a leaderboard nor a list."""
    board = runs.leaderboard("count", direction="maximize")
    assert [(each.run, each.rank) for each in board.runs[:1]] == [("r0", 1)]
    assert next(each.value for each in board.runs if each.run == "r1") == 10**400
    assert [each.run for each in runs.leaderboard("loss", where="count > 0").runs] == ["r0"]


def test_it_is_a_table_for_people_and_for_trackers(runs: Runs):
    """With the parameters that differ, and how far each is from the baseline."""
    board = runs.leaderboard("loss", limit=2, baseline="r0")
    assert board.columns == ["rank", "run", "loss", "vs baseline", "status", "lr"]
    assert board.rows[0] == [1, "r1", 0.2, pytest.approx(-0.1), "FINISHED", 0.1]
    said = board.table()
    assert (said.columns, said.rows) == (board.columns, board.rows)
    assert Table.of(said.event()) == said
    assert "2 of 5 runs by loss, the lowest first" in str(board)
    assert "<td" in board._repr_html_()
    assert board.to_dict()["runs"][1]["vs_baseline"] == pytest.approx(-0.1)


def test_what_cannot_be_ranked_is_told(runs: Runs):
    """No such metric, no direction, none that is a number."""
    with pytest.raises(QueryError, match="no run has a metric 'los'; did you mean loss"):
        runs.leaderboard("los")
    with pytest.raises(QueryError, match="no run declares which way"):
        runs.leaderboard("acc")
    with pytest.raises(QueryError, match="maximize, got 'up'"):
        runs.leaderboard("loss", direction="up")
    with pytest.raises(QueryError, match="none of 1 runs has a finite loss"):
        runs.best("loss", where="run == 'r3'")


def test_directions_that_disagree_are_told(tmp_path: Path):
    """Rather than one of them taken."""
    for name in ("minimize", "maximize"):
        experiment_run(
            tmp_path / "exp" / name, metrics={"x": [1.0]}, said=[DefineMetric(key="x", direction=name)]
        )
    with pytest.raises(QueryError, match="some runs minimize it and some maximize it"):
        jaxarc.open(["minimize", "maximize"], tmp_path).leaderboard("x")
