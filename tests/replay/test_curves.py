"""Curves of a run: points over environment steps, folded from its episode rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from jaxarc.records.experiment_events import MetricBatch
from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.records.tracked_record import TrackedRecord
from jaxarc.replay.curve_bins import bins_of
from jaxarc.replay.curves import CurveFolder


def rows(
    end_step: Sequence[int],
    total_reward: Sequence[float] | None = None,
    *,
    member: Sequence[int] | None = None,
    update: Sequence[int] | None = None,
    ended: Sequence[str] | None = None,
    stream: str = "train",
    end_time: Sequence[float] | None = None,
) -> EpisodeTable:
    """Return rows of episodes of ten steps."""
    count = len(end_step)
    ends = np.array(end_step, np.int64)
    return EpisodeTable(
        {
            "episode": np.arange(count),
            "stream": np.repeat(encode_text([stream]), count),
            "member": np.array(member or [0] * count, np.int32),
            "update": np.array(update or [-1] * count, np.int64),
            "end_step": ends,
            "start_step": ends - 10,
            "total_steps": np.full(count, 10, np.int64),
            "total_reward": np.array(ends if total_reward is None else total_reward, np.float64),
            "success": np.arange(count) % 2 == 0,
            "ended": encode_text(list(ended or ["terminated"] * count)),
            "start_time": np.array(end_time or ends / 100, np.float64) - 0.1,
            "end_time": np.array(end_time or ends / 100, np.float64),
        }
    )


def folded(table: EpisodeTable, *cuts: int) -> list[TrackedRecord]:
    """Fold a table, cut up at these rows."""
    folder, found = CurveFolder(), []
    for start, end in zip([0, *cuts], [*cuts, len(table)], strict=True):
        found += folder.add(table.take(np.arange(start, end)))
    return found + folder.finish()


def numbers(points: Sequence[TrackedRecord], source: str, key: str = "episode_return_mean") -> list[float]:
    """Return a number of the points of one source of the stream ``train``."""
    chosen = [point for point in points if point.source == f"curves/p000/train/{source}"]
    assert [point.seq for point in chosen] == list(range(len(chosen)))
    return [float(said(point).metrics[f"train/{key}"]) for point in chosen]


def said(point: TrackedRecord) -> MetricBatch:
    """Return what a point says."""
    assert isinstance(point.said, MetricBatch)
    return point.said


def steps(points: Sequence[TrackedRecord], source: str) -> list[int | None]:
    """Return the environment steps of the points of one source of the stream ``train``."""
    return [said(point).step for point in points if point.source == f"curves/p000/train/{source}"]


def test_episodes_of_an_update_make_one_point():
    """Mean, spread, extremes, length, success and count are of its episodes; the step is its last one's."""
    points = folded(rows([10, 20, 30, 40], [1, 3, 5, 9], update=[0, 0, 1, 1]))
    first = said(points[0])
    assert first.metrics == {
        "train/episode_return_mean": 2.0,
        "train/episode_return_std": 1.0,
        "train/episode_return_min": 1.0,
        "train/episode_return_max": 3.0,
        "train/episode_length_mean": 10.0,
        "train/success_rate": 0.5,
        "train/episodes": 2,
        "train/env_steps_per_s": pytest.approx(20 / 0.2),
    }
    assert (first.step, first.ctx, first.more) == (
        20,
        {"stream": "train", "member": 0},
        {"members": 1, "update": 0},
    )
    assert numbers(points, "0") == [2.0, 7.0]
    assert numbers(points, "0", "env_steps_per_s")[1] == pytest.approx(100.0)
    assert points[0].timestamp_us == 200_000


def test_episodes_without_updates_are_put_together_in_windows_of_steps():
    """From 1,000 steps on a window is 20 steps wide, and its point stands at the step of its last episode."""
    points = folded(rows([1005, 1015, 1020, 1021, 1030]))
    assert steps(points, "0") == [1020, 1030]
    assert numbers(points, "0", "episodes") == [3, 2]


def test_windows_are_the_same_however_long_the_run_becomes():
    """A curve has at most 450 windows a decade, each begins where one of the decade before could."""
    ends = np.arange(1, 2_000_001)
    bins = bins_of(ends)
    assert len(np.unique(bins[1_000:10_000])) == 450
    assert len(np.unique(bins[100_000:1_000_000])) == 450
    assert (np.diff(bins) >= 0).all()


def test_episodes_that_were_cut_or_are_running_do_not_count():
    """Only what a LogWrapper would have seen end is in a curve."""
    points = folded(rows([1, 2, 3, 4], ended=["terminated", "cut", "running", "truncated"], update=[0] * 4))
    assert numbers(points, "0", "episodes") == [2]
    assert folded(rows([1], ended=["cut"])) == []
    assert folded(EpisodeTable.empty()) == []


def test_an_episode_that_comes_late_counts_in_the_open_bin():
    """The axis never goes back, and no episode is lost."""
    points = folded(rows([10, 40, 20, 30, 60], update=[0, 2, 0, 1, 3]))
    assert numbers(points, "0", "episodes") == [1, 3, 1]
    assert steps(points, "0") == [10, 40, 60]


def test_updates_that_are_counted_anew_go_on_behind():
    """A program that is called three times has a point for every update of every call."""
    table = rows([10, 20, 30, 40, 50, 60, 70, 80], update=[0, 1, 2, 0, 1, 1, 0, 1])
    points = folded(table)
    assert steps(points, "0") == [10, 20, 30, 40, 60, 70, 80]
    assert [said(point).more["update"] for point in points] == [0, 1, 2, 0, 1, 0, 1]
    assert folded(table, *range(1, 8)) == points


def test_rows_without_an_update_among_others_count_in_the_open_bin():
    """A stream that began without updates goes on with them."""
    points = folded(rows([10, 20, 30, 40, 50], update=[-1, -1, 5, -1, 6]))
    assert numbers(points, "0", "episodes") == [1, 1, 2, 1]
    assert steps(points, "0") == [10, 20, 40, 50]


def test_members_have_a_series_each_and_their_mean_is_one_more():
    """The mean of a bin waits until all members are past it; each member counts the same."""
    table = rows(
        [10, 10, 20, 30, 30, 40, 40],
        [1, 3, 5, 10, 20, 0, 2],
        member=[0, 1, 1, 0, 1, 0, 1],
        update=[0, 0, 0, 1, 1, 2, 2],
    )
    folder = CurveFolder()
    first = folder.add(table.take(np.arange(5)))
    assert [point.source.rpartition("/")[2] for point in first] == ["0", "1", "mean"]
    points = first + folder.add(table.take(np.arange(5, 7))) + folder.finish()
    assert numbers(points, "mean") == [(1 + 4) / 2, 15.0, 1.0]
    assert steps(points, "mean") == [20, 30, 40]
    mean = next(point for point in points if point.source.endswith("mean"))
    assert said(mean).ctx == {"stream": "train", "agg": "mean"}
    assert said(mean).more["members"] == 2


def test_the_mean_goes_on_without_a_member_that_ends_no_episode():
    """Eight bins are waited for; what comes later of that member has its own series."""
    table = rows(list(range(10, 230, 10)), member=[1, *[0] * 21], update=[0, *range(21)])
    found = CurveFolder().add(table)
    assert len(numbers(found, "mean")) == 12
    assert numbers(found, "mean")[0] == 20.0


def test_a_return_that_is_no_number_is_seen():
    """NaN is the mean of the update in which it is, not left out."""
    points = folded(rows([10, 20, 30], [1, np.nan, 2], update=[0, 0, 1]))
    assert np.isnan(numbers(points, "0")[0])
    assert numbers(points, "0")[1] == 2.0


@pytest.mark.parametrize("count", [3, 200])
@pytest.mark.parametrize(
    "values", [(1.0, -2.0), (1e200, -1e200), (1e308, 1e308), (np.inf, 1.0), (np.inf, -np.inf), (np.nan, 1.0)]
)
def test_the_numbers_of_a_bin_are_those_of_numpy(values: tuple[float, float], count: int):
    """Few and many episodes; huge returns, infinities and NaN."""
    returns = np.resize(np.array(values), count)
    points = folded(rows([10 * n + 10 for n in range(count)], returns.tolist(), update=[0] * count))
    with np.errstate(all="ignore"):
        for name, of in {"std": np.std, "min": np.min, "max": np.max}.items():
            np.testing.assert_allclose(numbers(points, "0", f"episode_return_{name}"), [of(returns)])
        mean = numbers(points, "0")[0]
        np.testing.assert_allclose(mean, float(np.mean(returns)), atol=1e190 if values[0] == 1e200 else 0)


@pytest.mark.parametrize("has_updates", [True, False], ids=["updates", "windows"])
def test_points_do_not_depend_on_how_many_rows_come_at_a_time(has_updates: bool):
    """Rows of several members, some of them late, folded whole, in pieces and one by one."""
    random = np.random.default_rng(3)
    count = 400
    ends = np.maximum(np.cumsum(random.integers(0, 40, count)) + random.integers(-60, 60, count), 10)
    table = rows(
        ends.tolist(),
        random.normal(size=count).tolist(),
        member=random.integers(0, 5, count).tolist(),
        update=(ends // 500).tolist() if has_updates else None,
    )
    whole = folded(table)

    def by_source(points: Sequence[TrackedRecord]) -> dict[str, list[TrackedRecord]]:
        return {
            name: [point for point in points if point.source == name] for name in {p.source for p in points}
        }

    assert by_source(folded(table, 7, 8, 200)) == by_source(whole)
    assert by_source(folded(table, *range(1, count))) == by_source(whole)
    for points in by_source(whole).values():
        axis = [said(point).step or 0 for point in points]
        assert axis == sorted(axis)


def test_streams_and_writers_are_apart():
    """A row's stream and writer are in the source of its point; other writers are named in its context."""
    train, evaluation = rows([10], update=[0]), rows([10], update=[0], stream="eval")
    table = EpisodeTable.concatenate([train, evaluation, train])
    table = EpisodeTable({**table.columns, "writer": np.array([0, 0, 1], np.int32)})
    assert {point.source: said(point).ctx.get("process") for point in folded(table)} == {
        "curves/p000/train/0": None,
        "curves/p000/eval/0": None,
        "curves/p001/train/0": "p001",
    }
