"""Episode tables: columns of one length, joined and read row by row."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.records.table import BASE_COLUMNS, EpisodeTable, encode_text


def table(**columns: object) -> EpisodeTable:
    return EpisodeTable({name: np.asarray(values) for name, values in columns.items()})


def test_joined_tables_say_what_they_do_not_know():
    """A column that one of them lacks is NaN, -1, False or empty there, in the dtype of the other."""
    left = table(a=[1.5], n=np.array([3], np.int64), yes=[True], word=encode_text(["long one"]))
    joined = EpisodeTable.concatenate([left, table(b=[2.0])])
    assert len(joined) == 2
    assert np.isnan(joined["a"][1])
    assert joined["n"].tolist() == [3, -1]
    assert joined["yes"].tolist() == [True, False]
    assert joined.text("word") == ["long one", ""]
    assert np.isnan(joined["b"][0])


words = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def test_text_that_is_no_utf_8_is_marked_and_stops_nothing():
    """A task named after an odd file name still has its row."""
    assert table(word=encode_text(["caf\udce9"])).text("word") == ["caf?"]


@given(words=st.lists(st.lists(words, min_size=1), min_size=1))
def test_text_of_different_widths_joins_without_loss(words: list[list[str]]):
    """The width of a text column follows its longest entry."""
    joined = EpisodeTable.concatenate([table(word=encode_text(part)) for part in words])
    assert joined.text("word") == [word for part in words for word in part]


def test_joining_nothing_gives_the_base_columns():
    """A run without an episode still has columns to ask for."""
    empty = EpisodeTable.concatenate([])
    assert len(empty) == 0
    assert set(empty.columns) == set(BASE_COLUMNS)
    assert len(EpisodeTable.concatenate([empty, empty])) == 0


def test_columns_of_different_lengths_are_refused():
    """The message names the lengths."""
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        table(a=[1], b=[1, 2])


def test_a_row_answers_as_attributes_items_and_aliases():
    """Plain Python values, text as str; the seed's names point to the columns."""
    row = table(episode=[4], similarity_last=[0.5], task_id=encode_text(["ä"])).row(0)
    assert (row.episode, row["episode"], row.final_similarity, row.task_id) == (4, 4, 0.5, "ä")
    assert type(row.episode) is int
    assert dict(row) == {"episode": 4, "similarity_last": 0.5, "task_id": "ä"}
    assert dict(copy.deepcopy(row)) == dict(row)
    with pytest.raises(AttributeError, match=r"no column 'scrore'.*similarity_last"):
        _ = row.scrore


def test_taking_rows_keeps_every_column():
    """By mask and by index."""
    whole = table(a=[1, 2, 3], b=encode_text(["x", "y", "z"]))
    assert whole.take(np.array([True, False, True])).text("b") == ["x", "z"]
    assert whole.take(np.array([2, 0]))["a"].tolist() == [3, 1]
    assert [row.a for row in whole] == [1, 2, 3]
