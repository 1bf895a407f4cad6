"""Rows of a column that lie far apart are read without what is between."""

from __future__ import annotations

import h5py
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.records.layout import Field
from jaxarc.storage import columns
from jaxarc.storage.columns import dataset_name, read_field_at, write_recorded

FIELD = Field("observation", ("frame",), "int16", (3,))
VALUES = np.arange(600, dtype=np.int16).reshape(200, 3)


def _group() -> h5py.File:
    file = h5py.File("partial", "w", driver="core", backing_store=False)
    write_recorded(file, dataset_name(FIELD), VALUES, "", "zstd")
    return file


@given(st.lists(st.integers(0, 199), max_size=12))
def test_any_rows_come_back_in_the_order_asked_for(rows):
    """Also several times the same one, and none."""
    with _group() as group:
        found = read_field_at(group, FIELD, np.array(rows, np.int64))
    np.testing.assert_array_equal(found, VALUES[np.array(rows, np.int64)])


def test_far_rows_are_read_one_by_one_and_near_ones_together(monkeypatch):
    """Two ends of a column are two short reads; neighbours are one."""
    spans = []
    read = columns.read_field
    monkeypatch.setattr(
        columns, "read_field", lambda group, field, rows: spans.append(rows) or read(group, field, rows)
    )
    with _group() as group:
        read_field_at(group, FIELD, np.array([199, 0, 4]))
    assert spans == [slice(0, 5), slice(199, 200)]
