"""The curves, strips and counts of a run are what a plain loop over its rows finds."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from run_rows import make_rows

from jaxarc.records.run_pictures import StreamPicture
from jaxarc.records.table import EpisodeTable
from jaxarc.replay import row_slabs as slabs
from jaxarc.replay.views.run_survey import RunSurvey, stream_pictures
from jaxarc.replay.views.slot_sums import slot_width


def pictures(table: EpisodeTable, *, success: bool = True) -> dict[str, StreamPicture]:
    """Return the pictures of all streams by name."""
    survey = RunSurvey(table)
    found = stream_pictures(survey, sorted(survey.streams), lambda _: success, {})
    return {picture.stream: picture for picture in found}


def by_slot(rows: list[Any], width: int) -> dict[int, list[Any]]:
    """Return rows by the slot in which they ended."""
    slots: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        slots[(row.end_step - 1) // width].append(row)
    return slots


def test_a_point_is_the_mean_of_the_episodes_of_its_slot_and_the_band_its_standard_error():
    """With one member: mean, s / sqrt(n), and where they ended on average."""
    table = make_rows(300)
    picture = pictures(table)["train"]
    assert picture.band == "error"
    slots = by_slot(list(table), picture.slot_steps)
    assert picture.num_slots == max(slots) + 1
    for slot in range(picture.num_slots):
        rows = slots.get(slot, [])
        assert picture.episodes[slot] == len(rows)
        if not rows:
            assert math.isnan(picture.returns.mean[slot])
            continue
        assert picture.at[slot] == pytest.approx(statistics.mean(row.end_step for row in rows))
        for curve, column in (
            (picture.returns, "total_reward"),
            (picture.success, "success"),
            (picture.lengths, "total_steps"),
        ):
            values = [float(row[column]) for row in rows]
            mean = statistics.mean(values)
            assert curve.mean[slot] == pytest.approx(mean)
            if len(values) > 1:
                error = statistics.stdev(values) / math.sqrt(len(values))
                assert curve.low[slot] == pytest.approx(mean - error, abs=1e-9)
                assert curve.high[slot] == pytest.approx(mean + error, abs=1e-9)
            else:
                assert math.isnan(curve.low[slot])


def test_with_several_members_the_band_reaches_from_the_lowest_to_the_highest_of_them():
    """A member with many short episodes weighs as much as one with few long ones."""
    member = np.random.default_rng(1).integers(0, 3, 500)
    table = make_rows(500, member=member.astype(np.int32))
    picture = pictures(table)["train"]
    assert (picture.band, picture.num_members) == ("range", 3)
    for slot, rows in by_slot(list(table), picture.slot_steps).items():
        means = [
            statistics.mean(row.total_reward for row in rows if row.member == number)
            for number in {row.member for row in rows}
        ]
        assert picture.returns.mean[slot] == pytest.approx(statistics.mean(means))
        assert picture.returns.low[slot] == pytest.approx(min(means))
        assert picture.returns.high[slot] == pytest.approx(max(means))


def test_writers_of_one_attempt_are_members_and_those_of_later_attempts_go_on():
    """Two processes that play at once are two curves; one that resumes is not another."""
    half = np.repeat([0, 1], 50).astype(np.int32)
    at_once = make_rows(100, writer=half)
    assert pictures(at_once)["train"].num_members == 2
    resumed = make_rows(100, writer=half, attempt=half + 1)
    assert pictures(resumed)["train"].num_members == 1
    assert RunSurvey(resumed).env_steps == int(resumed["end_step"][-1])
    both = int(at_once["end_step"][49]) + int(at_once["end_step"][-1])
    assert RunSurvey(at_once).env_steps == both


def test_streams_have_pictures_of_their_own():
    """Each has its own slots, and its own episodes only."""
    names = ["eval" if n % 10 == 0 else "train" for n in range(200)]
    found = pictures(make_rows(200, stream=names))
    assert {name: picture.num_episodes for name, picture in found.items()} == {"eval": 20, "train": 180}


def test_returns_that_are_not_finite_and_episodes_that_were_cut_are_counted_and_left_out():
    """One NaN does not make a curve NaN; a cut episode says nothing of how episodes go."""
    reward = np.ones(60)
    reward[[3, 4]] = np.nan, np.inf
    ended = ["terminated"] * 57 + ["cut"] * 3
    picture = pictures(make_rows(60, total_reward=reward, ended=ended))["train"]
    assert (picture.num_without_return, picture.num_cut, picture.num_episodes) == (2, 3, 57)
    known = np.isfinite(picture.returns.mean)
    assert known.any()
    assert (picture.returns.mean[known] == 1.0).all()
    assert len(picture.dots) == 55
    nothing = pictures(make_rows(60, total_reward=np.full(60, np.nan)), success=False)["train"]
    assert nothing.strip is None
    assert np.isfinite(nothing.lengths.mean).any()


def test_an_episode_that_still_runs_is_counted_and_in_no_mean_no_curve_and_no_table():
    """Half an episode says nothing of how episodes go: neither its return so far nor its length."""
    table = make_rows(
        60, total_reward=np.array([1.0] * 58 + [900.0] * 2), ended=["terminated"] * 58 + ["running"] * 2
    )
    table["success"][58:] = True
    survey = RunSurvey(table)
    picture = pictures(table)["train"]
    assert (picture.num_running, picture.num_cut, picture.num_episodes) == (2, 0, 58)
    assert survey.success_rate == sum(row.success for row in list(table)[:58]) / 58
    assert np.nanmax(picture.returns.mean) == survey.mean_return == 1.0
    assert len(picture.dots) == int(survey.tasks.columns["attempts"].sum()) == 58
    assert not {58, 59} & set(survey.remarkable.positions.values())


def test_a_strip_has_a_row_a_task_where_there_are_few_and_else_rows_of_environments():
    """Cells hold the success rate of their episodes, or the mean return where nobody says success."""
    table = make_rows(200)
    picture = pictures(table)["train"]
    strip = picture.strip
    assert (strip.rows_are, list(strip.rows), strip.values_are) == (
        "task",
        ["task0", "task1"],
        "success rate",
    )
    for slot, rows in by_slot(list(table), picture.slot_steps).items():
        for index, name in enumerate(strip.rows):
            solved = [row.success for row in rows if row.task_id == name]
            expected = statistics.mean(solved) if solved else math.nan
            assert strip.values[index, slot] == pytest.approx(expected, nan_ok=True)
    many = make_rows(200, task_id=[f"t{n}" for n in range(200)], env_id=np.arange(200) % 40)
    strip = pictures(many, success=False)["train"].strip
    assert (strip.rows_are, strip.values_are) == ("env", "return")
    assert list(strip.rows)[:2] == ["env 0\N{EN DASH}2", "env 3\N{EN DASH}5"]
    often = make_rows(2_000, task_id=[f"t{n % 40:02d}" for n in range(2_000)])
    strip = pictures(often)["train"].strip
    assert (len(strip.rows), strip.rows[-1]) == (16, "other tasks")


def test_tasks_are_counted_with_their_best_return_and_first_solution():
    """Most attempts first; a task that was never solved has no first solution."""
    names = ["a" if n % 3 else "rarely tried" for n in range(99)]
    table = make_rows(99, task_id=names, success=np.arange(99) % 7 == 2)
    counted = {count.task_id: count for count in RunSurvey(table).tasks.most_tried(9)}
    assert list(counted) == ["a", "rarely tried"]
    for name, count in counted.items():
        rows = [row for row in table if row.task_id == name]
        solved = [row.end_step for row in rows if row.success]
        assert (count.attempts, count.successes) == (len(rows), len(solved))
        assert count.best == max(row.total_reward for row in rows)
        assert count.first_solved == min(solved)
    never = RunSurvey(make_rows(10, success=np.zeros(10, bool))).tasks.most_tried(1)[0]
    assert never.first_solved is None


def test_remarkable_episodes_are_the_extremes_and_stored_ones_win_among_equals():
    """Best, worst, longest, first solved; what the end cut is none of them."""
    table = make_rows(90)
    found = RunSurvey(table).remarkable.positions
    rows = list(table)
    assert rows[found["best"]].total_reward == max(row.total_reward for row in rows)
    assert rows[found["worst"]].total_reward == min(row.total_reward for row in rows)
    assert rows[found["longest"]].total_steps == max(row.total_steps for row in rows)
    assert found["first_solved"] == next(n for n, row in enumerate(rows) if row.success)
    equal = make_rows(90, total_reward=np.ones(90), stored_steps=np.arange(90) * (np.arange(90) > 40))
    assert RunSurvey(equal).remarkable.positions["best"] == 41
    assert RunSurvey(make_rows(5, ended=["cut"] * 5)).remarkable.positions == {}


def test_slabs_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch):
    """Rows that are read 7 at a time give the same picture as all at once."""
    names = ["eval" if n % 5 == 0 else "train" for n in range(400)]
    table = make_rows(400, stream=names, member=np.arange(400) % 2)
    whole, counts = pictures(table), RunSurvey(table).tasks.most_tried(9)
    monkeypatch.setattr(slabs.row_slabs, "__kwdefaults__", {"at_once": 7})
    for name, picture in pictures(table).items():
        for mine, other in ((picture.returns, whole[name].returns), (picture.lengths, whole[name].lengths)):
            np.testing.assert_allclose(mine.mean, other.mean)
            np.testing.assert_allclose(mine.high, other.high)
        np.testing.assert_array_equal(picture.strip.values, whole[name].strip.values)
    again = RunSurvey(table)
    assert again.tasks.most_tried(9) == counts
    assert again.mean_return == pytest.approx(float(table["total_reward"].mean()))


def test_a_run_without_episodes_has_no_streams():
    """Nothing to read is no error."""
    survey = RunSurvey(EpisodeTable.empty())
    assert (survey.streams, survey.env_steps, survey.stored.spread(5)) == ({}, 0, [])
    assert math.isnan(survey.mean_return)


@pytest.mark.parametrize(
    ("last", "episodes", "members"), [(1, 1, 1), (7, 50, 1), (10**12, 10**7, 4), (999, 10**6, 300)]
)
def test_slots_are_round_and_at_most_96(last: int, episodes: int, members: int):
    """1, 2, 2.5 or 5 times a power of ten, whole, and enough to reach the end."""
    width = slot_width(last, episodes, members)
    digits = str(width).rstrip("0")
    assert digits in ("1", "2", "25", "5")
    assert 1 <= -(-last // width) <= 96
