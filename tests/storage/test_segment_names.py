"""Names of segments, and which of them are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.storage.segment_names import (
    SegmentName,
    active_segments,
    next_sequence,
    segment_files,
    writer_name,
    writer_number,
)


@st.composite
def names(draw: st.DrawFn) -> SegmentName:
    """Draw a name; small numbers, so that ranges meet."""
    first = draw(st.integers(1, 8))
    return SegmentName(
        draw(st.integers(0, 2)),
        first,
        draw(st.integers(first, first + 5)),
        draw(st.integers(0, 3)),
        draw(st.sampled_from(["h5", "json"])),
    )


@given(names())
def test_a_name_reads_back_as_it_was_written(name: SegmentName) -> None:
    """``parse`` and ``str`` are each other's inverse."""
    assert SegmentName.parse(str(name)) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p000-000001.h5", SegmentName(0, 1, 1)),
        ("p012-000001-000064.h5", SegmentName(12, 1, 64)),
        ("p000-000007.2.h5", SegmentName(0, 7, 7, 2)),
        ("p1000-1000000-2000000.11.json", SegmentName(1000, 1_000_000, 2_000_000, 11, "json")),
    ],
)
def test_names_are_spelled_as_the_format_says(text: str, expected: SegmentName) -> None:
    """Widths are minima, the last number and the generation are there where they say something."""
    assert SegmentName.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "p000-000002-000001.h5",
        "p000-000001-000001.h5",
        "p000-000001.0.h5",
        "p00-000001.h5",
        "p000-00001.h5",
        "p0000-000001.h5",
        ".p000-000001.h5.ab12.partial",
        "p000-000001.h5.partial",
        "p000-000001.hdf5",
        "p000-\u0660\u0660\u0660\u0660\u0660\u0661.h5",
        "index.h5",
        "",
    ],
)
def test_other_names_are_no_segments(text: str) -> None:
    """A range that runs backwards, a second spelling of a name, a file that was never finished."""
    assert SegmentName.parse(text) is None


@given(st.lists(names()))
def test_the_segments_to_read_are_those_that_nothing_supersedes(found: list[SegmentName]) -> None:
    """The sweep gives what the rule says, pair by pair, in order, each file once."""
    expected = [name for name in set(found) if not any(other.supersedes(name) for other in found)]
    assert active_segments(found) == sorted(expected)


@given(st.lists(names(), min_size=1))
def test_what_was_superseded_may_go_away_at_any_moment(found: list[SegmentName]) -> None:
    """Removing superseded files, one after the other, changes nothing for a reader."""
    active = active_segments(found)
    for gone in set(found) - set(active):
        assert active_segments([name for name in found if name != gone]) == active


def test_files_are_read_in_the_order_of_each_writer(tmp_path: Path) -> None:
    """Sequence numbers go on after the last one in use, also where only a compacted file is left."""
    assert segment_files(tmp_path) == []
    assert next_sequence(tmp_path, 0) == 1
    (tmp_path / "steps").mkdir()
    for name in (
        "p001-000001.h5",
        "p000-000010.h5",
        "p000-000001-000009.h5",
        "p000-000002.h5",
        "p000-000010.1.h5",
        "other.h5",
    ):
        (tmp_path / "steps" / name).touch()
    assert [path.name for path in segment_files(tmp_path)] == [
        "p000-000001-000009.h5",
        "p000-000010.1.h5",
        "p001-000001.h5",
    ]
    assert [next_sequence(tmp_path, writer) for writer in range(3)] == [11, 2, 1]


@pytest.mark.parametrize(("number", "name"), [(0, "p000"), (999, "p999"), (1000, "p1000")])
def test_writers_have_names(number: int, name: str) -> None:
    """Three digits at least."""
    assert writer_name(number) == name
    assert writer_number(name) == number


@pytest.mark.parametrize("name", ["p0", "p0001", "x000", "p", "p000-"])
def test_other_names_are_no_writers(name: str) -> None:
    """One spelling for each writer."""
    assert writer_number(name) is None
