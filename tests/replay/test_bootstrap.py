"""Aggregate scores are those of the paper and its package, and their intervals as well."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import trim_mean

from jaxarc.errors import ReplayError
from jaxarc.replay.bootstrap import bootstrap_interval, measured

SCORES = np.array(
    [
        [0.5, 0.744, 0.64, 0.519, 0.818, 0.728, 1.274, 1.911, 1.303],
        [0.252, 0.821, 0.893, 0.917, 0.628, 1.113, 1.528, 0.837, 1.317],
        [-0.26, 0.109, 0.013, 0.781, 0.493, 1.234, 1.313, 1.3, 0.493],
        [0.285, 0.606, 0.795, 0.263, 0.809, 0.734, 0.926, 1.799, 1.177],
        [0.487, 0.979, 0.517, 0.83, 1.044, 1.151, 0.76, 1.405, 2.044],
        [-0.119, 0.969, 0.798, 0.618, 1.8, 1.43, 0.77, 1.405, 1.731],
    ]
)

# What rliable 1.2.0 gives for these scores (six runs, nine tasks), its intervals with 50,000 resamples. The
# package itself is no part of the tests: with it comes a version of arch that does not load beside pandas 3.
RLIABLE = {
    "iqm": (0.8712142857142856, 0.7761785714285715, 0.9636428571428572),
    "mean": (0.8931851851851851, 0.8052407407407408, 0.9825560185185185),
    "median": (0.932, 0.7126666666666667, 1.1016666666666668),
    "optimality_gap": (0.2601296296296296, 0.20594444444444449, 0.31935231481481474),
}


@pytest.mark.parametrize("of", RLIABLE)
def test_measures_and_intervals_are_those_of_rliable(of: str) -> None:
    """The measure exactly; the interval, which is drawn by lot, within a hundredth."""
    value, low, high = RLIABLE[of]
    assert measured(SCORES, of) == pytest.approx(value, abs=1e-12)
    interval = bootstrap_interval(SCORES, of, confidence=0.95, reps=50_000, seed=1)
    assert interval == pytest.approx((low, high), abs=0.01)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.integers(1, 5))
@settings(max_examples=80, deadline=None)
def test_the_interquartile_mean_is_a_trimmed_mean(numbers: list[float], tasks: int) -> None:
    """Of any number of scores, however many of them there are."""
    runs = -(-len(numbers) // tasks)
    scores = np.array(numbers + [0.0] * (runs * tasks - len(numbers))).reshape(runs, tasks)
    assert measured(scores, "iqm") == pytest.approx(trim_mean(scores, 0.25, axis=None), abs=1e-12)
    assert measured(scores, "mean") == pytest.approx(scores.mean(), abs=1e-12)


def test_one_seed_gives_one_interval() -> None:
    """Whatever is drawn at once; another seed gives another, a wider confidence a wider one."""
    options = {"confidence": 0.9, "reps": 500}
    one = bootstrap_interval(SCORES, "iqm", seed=3, **options)
    assert one == bootstrap_interval(SCORES, "iqm", seed=3, **options)
    assert one != bootstrap_interval(SCORES, "iqm", seed=4, **options)
    wider = bootstrap_interval(SCORES, "iqm", seed=3, confidence=0.99, reps=500)
    assert one is not None
    assert wider is not None
    assert wider[0] < one[0] < one[1] < wider[1]


def test_draws_in_parts_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many numbers are drawn at once is a matter of memory alone."""
    whole = bootstrap_interval(SCORES, "median", confidence=0.95, reps=200, seed=0)
    monkeypatch.setattr("jaxarc.replay.bootstrap._AT_ONCE", 100)
    assert bootstrap_interval(SCORES, "median", confidence=0.95, reps=200, seed=0) == whole


def test_scores_that_are_missing_are_left_out() -> None:
    """Of each task those are drawn that there are; a task without any counts nowhere."""
    holes = SCORES.copy()
    holes[2:, 0] = np.nan
    holes[:, 4] = np.nan
    kept = holes[np.isfinite(holes)]
    assert measured(holes, "iqm") == pytest.approx(trim_mean(kept, 0.25))
    assert measured(holes, "mean") == pytest.approx(np.nanmean(np.delete(holes, 4, 1), axis=0).mean())
    assert bootstrap_interval(holes, "mean", confidence=0.95, reps=100, seed=0) is not None


def test_without_two_runs_there_is_no_interval() -> None:
    """One run, no run, no score."""
    options = {"confidence": 0.95, "reps": 10, "seed": 0}
    assert bootstrap_interval(SCORES[:1], "iqm", **options) is None
    assert bootstrap_interval(np.zeros((0, 3)), "iqm", **options) is None
    assert np.isnan(measured(np.full((2, 2), np.nan), "iqm"))
    with pytest.raises(ReplayError, match="did you mean iqm"):
        measured(SCORES, "iqr")
