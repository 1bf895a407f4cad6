"""The order of rows: that of a slow, stable sort, for any values, directions and limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.replay.query import sort_order, where_mask

values = {
    "real": st.sampled_from(
        [0.0, -0.0, 1.0, -1.0, 1.0 + 2**-50, 1.0 + 2**-51, np.inf, -np.inf, np.nan, 1e-310]
    ),
    "whole": st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**62]),
    "flag": st.booleans(),
    "text": st.sampled_from(["", "a", "b", "ab", "abcdefgh", "abcdefghi", "abcdefghij", "ä"]),
}


def slow_order(columns: dict[str, list[Any]], sort: list[tuple[str, bool]]) -> list[int]:
    """Sort stably, column by column, what is not known last."""
    order = list(range(len(columns["real"])))
    for name, descends in reversed(sort):
        known = [i for i in order if columns[name][i] == columns[name][i]]
        unknown = [i for i in order if columns[name][i] != columns[name][i]]

        def key(i: int, name: str = name) -> Any:
            value = columns[name][i]
            return value.encode() if isinstance(value, str) else value

        order = sorted(known, key=key, reverse=descends) + unknown
    return order


@given(data=st.data(), count=st.integers(0, 12), limit=st.none() | st.integers(0, 14))
def test_any_sort_is_that_of_a_slow_stable_sort(data: st.DataObject, count: int, limit: int | None):
    """Ties in their order, NaN last in both directions; a limit gives the first rows of the same order."""
    columns = {name: data.draw(st.lists(of, min_size=count, max_size=count)) for name, of in values.items()}
    sort = data.draw(
        st.lists(st.tuples(st.sampled_from(list(values)), st.booleans()), min_size=1, max_size=3)
    )
    table = EpisodeTable(
        {
            "real": np.array(columns["real"], np.float64),
            "whole": np.array(columns["whole"], np.int64),
            "flag": np.array(columns["flag"], bool),
            "text": encode_text(columns["text"]),
        }
    )
    text = ",".join(("-" if descends else "") + name for name, descends in sort)
    assert sort_order(text, table, limit).tolist() == slow_order(columns, sort)[:limit]


@pytest.mark.parametrize("count", [10_000, 70_000])
def test_long_columns_are_sorted_in_full_where_the_packed_key_has_no_room(count: int):
    """Values that differ in their last bits alone, many of them equal."""
    rng = np.random.default_rng(0)
    close = 1.0 + rng.integers(0, 300, count) * 2.0**-52
    table = EpisodeTable({"real": np.where(rng.random(count) < 0.5, close, rng.normal(size=count))})
    expected = np.argsort(table["real"], kind="stable")
    assert sort_order("real", table).tolist() == expected.tolist()
    assert sort_order("real", table, 50).tolist() == expected[:50].tolist()
    downwards = np.argsort(-table["real"], kind="stable")
    assert sort_order("-real", table).tolist() == downwards.tolist()


@given(st.lists(st.text(max_size=10), max_size=8), st.text(max_size=10))
def test_text_is_compared_as_numpy_does(texts: list[str], wanted: str):
    """A machine word at a time, whatever the widths."""
    texts = [text.replace("\0", "") for text in texts]
    wanted = "".join(c for c in wanted if c.isalnum())
    table = EpisodeTable({"word": encode_text(texts)})
    assert where_mask(f"word == {wanted!r}", table).tolist() == [text == wanted for text in texts]
    assert where_mask(f"word != {wanted!r}", table).tolist() == [text != wanted for text in texts]
