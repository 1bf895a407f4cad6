"""Strategies for whatever a user's program may hand to a drawing."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from hypothesis.strategies import SearchStrategy

__all__ = ["ARRAYS", "BOARDS", "FLOATS", "NAMES", "SCALARS", "any_episode", "any_step", "any_task"]

NAMES = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=[]), max_size=60),
    st.sampled_from(
        [
            *("", " ", "<script>alert(1)</script>", "\"'&]]>", "\x00\x1b\x85", "\ud800", "\udfff\ud800"),
            *("\u202eevil\u202c", "\u2066x\u2069", "😀👩‍👩‍👧", "a\nb\tc", "ﷺ" * 40, "字" * 300, "W" * 10_000),
            *("&amp;", "<!ENTITY a 'b'>", "<![CDATA[", "--><svg onload=alert(1)>", "e\u0301" * 200),
        ]
    ),
)
FLOATS = st.one_of(
    st.floats(),
    st.sampled_from([0.0, -0.0, 5e-324, 2.2e-308, 1e-300, 1e308, -1.7976931348623157e308, 1.0, 1e16]),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
)
SCALARS = st.one_of(NAMES, FLOATS, st.integers(), st.booleans(), st.none(), st.complex_numbers())
DTYPES = st.one_of(
    npst.integer_dtypes(endianness="="),
    npst.unsigned_integer_dtypes(endianness="="),
    npst.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
    npst.boolean_dtypes(),
    npst.complex_number_dtypes(endianness="="),
    npst.unicode_string_dtypes(endianness="=", max_len=5),
    npst.byte_string_dtypes(max_len=5),
    npst.datetime64_dtypes(endianness="="),
)
SHAPES = npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7)
ARRAYS = st.one_of(
    DTYPES.flatmap(lambda dtype: npst.arrays(dtype, SHAPES)),
    npst.arrays(float, st.sampled_from([(1,), (4,), (16,), (17,), (300,), (9, 40)]), elements=FLOATS),
)
BOARDS = st.one_of(
    npst.arrays(
        np.int8, npst.array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.integers(-2, 12)
    ),
    npst.arrays(np.int8, st.sampled_from([(1, 1), (1, 30), (30, 1), (30, 30)]), elements=st.integers(-1, 9)),
    npst.arrays(st.sampled_from([np.int64, np.uint8, np.bool_]), npst.array_shapes(min_dims=2, max_dims=2)),
)
STATES = st.one_of(BOARDS, ARRAYS)
NESTED = st.one_of(
    STATES,
    st.dictionaries(NAMES, STATES, max_size=3),
    st.tuples(STATES, st.lists(STATES, max_size=2)),
)
VALUES = st.one_of(NESTED, SCALARS)


def _masks(board: Any) -> SearchStrategy[Any]:
    """Mostly masks that fit a board, and now and then any other."""
    fitting = npst.arrays(bool, np.shape(board)) if isinstance(board, np.ndarray) else st.none()
    return st.one_of(fitting, fitting, st.none(), ARRAYS)


@st.composite
def any_step(draw: st.DrawFn) -> dict[str, Any]:
    """Any value in every field of ``StepVisualizationData``."""
    before = draw(NESTED)
    after = draw(st.none() | NESTED)
    if isinstance(before, np.ndarray) and draw(st.booleans()):
        after = draw(npst.arrays(before.dtype, before.shape))
    return {
        "step_num": draw(st.integers(0, 10**12)),
        "before_grid": before,
        "after_grid": after,
        "action": draw(st.dictionaries(NAMES, SCALARS | ARRAYS, max_size=3)),
        "reward": draw(FLOATS),
        "info": draw(st.dictionaries(NAMES, SCALARS | ARRAYS, max_size=15)),
        "selection_mask": draw(_masks(before)),
        "changed_cells": draw(_masks(after)),
        "operation_name": draw(NAMES),
        "target_grid": draw(st.none() | STATES),
        "total_steps": draw(st.none() | st.integers(0, 10**12)),
        "similarity": draw(st.none() | FLOATS),
        "title": draw(NAMES),
        "ended": draw(st.sampled_from(["", "terminated", "truncated", "cut"])),
        "success": draw(st.none() | st.booleans()),
    }


@st.composite
def any_episode(draw: st.DrawFn) -> dict[str, Any]:
    """Any value in every field of ``EpisodeSummaryData`` but its moments."""
    stored = draw(st.integers(0, 12))
    series = st.lists(FLOATS, min_size=stored, max_size=stored)
    steps = st.lists(st.integers(0, 10**9), min_size=stored, max_size=stored).map(sorted)
    return {
        "episode_num": draw(st.integers(0, 10**12)),
        "total_steps": draw(st.integers(0, 10**12)),
        "total_reward": draw(FLOATS),
        "reward_progression": draw(series | st.lists(FLOATS, max_size=3)),
        "similarity_progression": draw(st.just([]) | series),
        "final_similarity": draw(FLOATS),
        "task_id": draw(NAMES),
        "success": draw(st.none() | st.booleans()),
        "key_moments": draw(st.lists(st.integers(0, 10**9), max_size=4).map(sorted)),
        "step_nums": draw(st.just(()) | steps),
        "input_grid": draw(st.none() | STATES),
        "target_grid": draw(st.none() | STATES),
        "ended": draw(st.sampled_from(["", "terminated", "truncated", "cut"])),
        "title": draw(NAMES),
        "metrics": {name: np.array(draw(series)) for name in draw(st.lists(NAMES, max_size=2))},
        "observed": draw(st.none() | npst.arrays(np.float32, (stored, 3))),
        "observed_names": draw(st.lists(NAMES, max_size=4)),
        "operations": draw(st.dictionaries(NAMES, st.integers(0, 10**9), max_size=4)),
    }


@st.composite
def any_task(draw: st.DrawFn) -> dict[str, Any]:
    """Any boards and names in every field of ``TaskPictureData``; pairs as (input, output)."""
    pairs = st.lists(st.tuples(STATES, st.none() | STATES), max_size=4)
    return {
        "task_id": draw(NAMES),
        "train": draw(pairs),
        "test": draw(pairs),
        "show_test_output": draw(st.booleans()),
        "played": draw(st.none() | st.integers(-2, 9)),
        "last_board": draw(st.none() | STATES),
        "last_board_words": draw(NAMES),
        "title": draw(NAMES),
    }
