"""Conditions that name no column are conditions still."""

from __future__ import annotations

import numpy as np
import pytest

from jaxarc.records.table import EpisodeTable
from jaxarc.replay.query import where_mask

TABLE = EpisodeTable({"episode": np.arange(3)})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("0 < 0", False), ("1 < 2", True), ("1 < 2 < 3", True), ("1 in [1]", True), ("1 not in [1]", False)],
)
def test_constants_select_all_rows_or_none(expression: str, expected: bool) -> None:
    """Two constants compare to one bool, which holds for every row."""
    assert where_mask(expression, TABLE).tolist() == [expected] * 3
