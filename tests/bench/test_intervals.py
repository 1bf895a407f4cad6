"""The median's interval, against counting every way in which values can fall around it."""

from __future__ import annotations

import itertools
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.bench.intervals import estimate_median, interval_ranks


def counted_coverage(num_values: int, low: int, high: int) -> Fraction:
    """Count, over all ways to fall below or above the median, those with it between the two ranks."""
    held = 0
    for sides in itertools.product((False, True), repeat=num_values):
        num_below = sum(sides)
        held += low < num_below <= high
    return Fraction(held, 2**num_values)


@pytest.mark.parametrize("num_values", range(1, 15))
def test_the_coverage_is_that_of_counting(num_values: int) -> None:
    """The stated probability is exact."""
    low, high, coverage = interval_ranks(num_values)
    assert coverage == pytest.approx(float(counted_coverage(num_values, low, high)))


@pytest.mark.parametrize("num_values", range(6, 15))
def test_no_narrower_interval_covers_as_much(num_values: int) -> None:
    """One rank less at each end would hold the median too rarely."""
    low, high, coverage = interval_ranks(num_values)
    assert coverage >= 0.95
    assert counted_coverage(num_values, low + 1, high - 1) < 0.95


def test_thirty_pairs_give_the_tenth_and_the_twenty_first() -> None:
    """The ranks that tables of the sign test list."""
    assert interval_ranks(30)[:2] == (9, 20)


def test_few_values_give_all_of_them_and_say_how_little_that_covers() -> None:
    """Five values cannot hold the median with 95 %."""
    estimate = estimate_median([3.0, 1.0, 2.0, 5.0, 4.0])
    assert (estimate.low, estimate.median, estimate.high) == (1.0, 3.0, 5.0)
    assert estimate.coverage == pytest.approx(1 - 2 / 32)
    assert estimate_median([2.0]).coverage == 0.0


def test_no_values_have_no_interval() -> None:
    """Asking for one is a mistake."""
    with pytest.raises(ValueError, match="at least one"):
        estimate_median([])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_the_median_lies_between_two_of_the_values(values: list[float]) -> None:
    """Both ends were measured, and the order of the values does not matter."""
    estimate = estimate_median(values)
    assert estimate.low in values
    assert estimate.high in values
    assert estimate.low <= estimate.median <= estimate.high
    assert estimate.median == statistics.median(values)
    assert estimate == estimate_median(sorted(values, reverse=True))
