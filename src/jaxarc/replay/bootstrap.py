"""Aggregate scores over runs and tasks, and intervals by a stratified bootstrap: formulas on arrays alone.

The measures and the way to resample are those of R. Agarwal, M. Schwarzer, P. S. Castro, A. Courville and
M. G. Bellemare, "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS 2021
(arXiv:2108.13264).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from jaxarc.errors import ReplayError, closest

__all__ = ["MEASURES", "bootstrap_interval", "checked_measure", "measured"]

MEASURES = {
    "iqm": "interquartile mean",
    "mean": "mean",
    "median": "median over tasks",
    "optimality_gap": "optimality gap",
}
"""What scores can be aggregated to, and what it is called."""

_AT_ONCE = 2_000_000
"""Numbers that are drawn at once."""

_CUT = 0.25


def checked_measure(of: str) -> str:
    """Return the name of a measure.

    Raises:
        ReplayError: there is no such measure.
    """
    if of not in MEASURES:
        raise ReplayError(f"of must be one of {', '.join(MEASURES)}, got {of!r}{closest(str(of), MEASURES)}")
    return of


def _strata(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the known scores task by task, and how many each task has; tasks without any are left out."""
    known = np.isfinite(scores)
    counts = known.sum(axis=0)
    return scores.T[known.T], counts[counts > 0]


def measured(scores: np.ndarray, of: str, gamma: float = 1.0) -> float:
    """Return one number for a matrix of scores.

    ``iqm`` is the mean of the middle half of all scores: the lowest and the highest quarter of them (rounded
    down) are left out. ``mean`` is the mean over tasks of the means over runs, ``median`` the median over
    tasks of these means. ``optimality_gap`` is by how much scores lie below ``gamma`` on average, those above
    it counted as 0.

    Args:
        scores: float[runs tasks]; NaN where a run has no score.
        of: the measure.
        gamma: the score that counts as good enough, for ``optimality_gap``.

    Returns:
        The number, NaN without any score.
    """
    values, counts = _strata(scores)
    if not len(values):
        return float("nan")
    return float(_MEASURES[checked_measure(of)](values[None], counts, gamma)[0])


def bootstrap_interval(
    scores: np.ndarray, of: str, *, confidence: float, reps: int, seed: int, gamma: float = 1.0
) -> tuple[float, float] | None:
    """Return a percentile interval by a stratified bootstrap: runs are drawn anew for each task by itself.

    Args:
        scores: float[runs tasks]; NaN where a run has no score.
        of: the measure.
        confidence: how much of the resampled measures lies inside, above 0 and below 1.
        reps: how often the scores are drawn anew.
        seed: of the draws; the same seed gives the same interval.
        gamma: as in `measured`.

    Returns:
        Its ends; None where no task has the scores of two runs.
    """
    values, counts = _strata(scores)
    if not len(values) or counts.max() < 2:
        return None
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    sizes = np.repeat(counts, counts)
    rng = np.random.default_rng(seed)
    found = np.empty(reps)
    each = max(1, _AT_ONCE // len(values))
    for start in range(0, reps, each):
        drawn = rng.random((min(each, reps - start), len(values)))
        # Rounding can make of a share just below 1 a whole.
        chosen = starts + np.minimum((drawn * sizes).astype(np.int64), sizes - 1)
        found[start : start + len(drawn)] = _MEASURES[of](values[chosen], counts, gamma)
    low, high = np.percentile(found, [50 * (1 - confidence), 50 * (1 + confidence)])
    return float(low), float(high)


def _iqm(values: np.ndarray, counts: np.ndarray, gamma: float) -> np.ndarray:
    del counts, gamma
    number = values.shape[1]
    low = int(_CUT * number)
    high = number - low
    parted = np.partition(values, (low, high - 1), axis=1)
    return parted[:, low:high].mean(axis=1)


def _task_means(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, np.cumsum(counts) - counts, axis=1) / counts


def _mean(values: np.ndarray, counts: np.ndarray, gamma: float) -> np.ndarray:
    del gamma
    return _task_means(values, counts).mean(axis=1)


def _median(values: np.ndarray, counts: np.ndarray, gamma: float) -> np.ndarray:
    del gamma
    return np.median(_task_means(values, counts), axis=1)


def _optimality_gap(values: np.ndarray, counts: np.ndarray, gamma: float) -> np.ndarray:
    del counts
    return gamma - np.minimum(values, gamma).mean(axis=1)


_MEASURES: dict[str, Callable[[np.ndarray, np.ndarray, float], np.ndarray]] = {
    "iqm": _iqm,
    "mean": _mean,
    "median": _median,
    "optimality_gap": _optimality_gap,
}
