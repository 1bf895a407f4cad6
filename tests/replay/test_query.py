"""where and sort: a language of columns and values, and nothing else."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.errors import ReplayError
from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.replay import QueryError
from jaxarc.replay.query import sort_order, where_mask

TABLE = EpisodeTable(
    {
        "episode": np.arange(6),
        "total_reward": np.array([1.5, -2.0, 0.0, np.nan, 7.0, 1.5]),
        "success": np.array([True, False, False, True, True, False]),
        "task_id": encode_text(["a", "b", "a", "ä", "", "b"]),
        "similarity_last": np.array([0.1, 0.2, 0.3, 0.4, np.nan, 0.6]),
    }
)


def found(expression: str) -> list[int]:
    return np.flatnonzero(where_mask(expression, TABLE)).tolist()


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("success", [0, 3, 4]),
        ("not success", [1, 2, 5]),
        ("success and total_reward > 1", [0, 4]),
        ("success or total_reward <= -2", [0, 1, 3, 4]),
        ("task_id == 'a'", [0, 2]),
        ('task_id != "a"', [1, 3, 4, 5]),
        ("task_id == 'ä'", [3]),
        ("task_id == ''", [4]),
        ("task_id in ['a', 'ä']", [0, 2, 3]),
        ("task_id not in ('a', 'b')", [3, 4]),
        ("episode in [1, 5, 77]", [1, 5]),
        ("episode in []", []),
        ("0 <= total_reward < 2", [0, 2, 5]),
        ("episode == -1", []),
        ("total_reward == -2.0", [1]),
        ("final_similarity > 0.35", [3, 5]),
        ("success == False", [1, 2, 5]),
        ("True", [0, 1, 2, 3, 4, 5]),
        ("False", []),
        ("not (success and episode > 3)", [0, 1, 2, 3, 5]),
        ("total_reward < 1e999", [0, 1, 2, 4, 5]),
        (f"episode < {'9' * 400}", [0, 1, 2, 3, 4, 5]),
        ("episode > similarity_last", [1, 2, 3, 5]),
        ("  success\n", [0, 3, 4]),
    ],
)
def test_an_expression_selects_its_rows(expression: str, rows: list[int]):
    """NaN compares as it does in NumPy: it is in no range."""
    assert found(expression) == rows


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "success.__class__",
        "().__class__.__bases__",
        "open('/etc/passwd')",
        "episode.real > 0",
        "[e for e in episode]",
        "lambda: 1",
        "(x := 1)",
        "9**9**9 > 1",
        "2**100000000 > episode",
        "episode + 1 > 2",
        "episode * 'a' > 2",
        "'a' * 10000000000 == task_id",
        "episode[0] > 1",
        "f'{episode}' == 'x'",
        "success if success else success",
        "episode is None",
        "episode == None",
        "episode > 1j",
        "task_id == b'a'",
        "~success",
        "-success",
        "episode > -task_id",
        "episode > ...",
        "import os",
        "success; success",
        "episode = 3",
        "await success",
        "*episode",
        "",
        "(",
        "success and",
        "\0",
        "episode in episode",
        "episode in 'abc'",
        "task_id > 3",
        "episode == 'x'",
        "3",
        "'a'",
        "episode",
        "task_id",
        "nan > 1",
    ],
)
def test_anything_else_is_refused(expression: str):
    """Attributes, calls, imports, arithmetic and huge powers: one error of ours, at once."""
    with pytest.raises(QueryError) as caught:
        where_mask(expression, TABLE)
    assert isinstance(caught.value, ReplayError)


@pytest.mark.parametrize(
    "expression",
    [
        "x" * 3_000,
        "(" * 900 + "success" + ")" * 900,
        "not " * 480 + "success",
        "episode > " + "-" * 1_900 + "1",
        "[" * 900 + "]" * 900,
        "episode" + " < episode" * 190,
    ],
    ids=["long", "parentheses", "not", "minus", "lists", "chain"],
)
def test_long_and_deep_expressions_end_quickly(expression: str):
    """They select rows or are refused; they never end the process."""
    try:
        assert len(where_mask(expression, TABLE)) == len(TABLE)
    except QueryError as error:
        assert str(error)  # noqa: PT017 - either outcome is right


@given(expression=st.text(alphabet="episode success()[]'<>=!&|~+-*/.,0123456789notandrin \n", max_size=40))
def test_no_text_raises_anything_but_ours(expression: str):
    """Whatever is typed."""
    with suppress(QueryError):
        assert where_mask(expression, TABLE).dtype == bool


def test_an_unknown_column_names_the_closest_and_all():
    """In where and in sort."""
    with pytest.raises(QueryError, match=r"no column 'sucess'; did you mean success\?.*total_reward"):
        where_mask("sucess", TABLE)
    with pytest.raises(QueryError, match=r"no column 'total_rewards'; did you mean total_reward"):
        sort_order("-total_rewards", TABLE)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("episode", [0, 1, 2, 3, 4, 5]),
        ("-episode", [5, 4, 3, 2, 1, 0]),
        ("total_reward", [1, 2, 0, 5, 4, 3]),
        ("-total_reward", [4, 0, 5, 2, 1, 3]),
        ("-total_reward, -episode", [4, 5, 0, 2, 1, 3]),
        ("task_id,-episode", [4, 2, 0, 5, 1, 3]),
        ("-task_id,episode", [3, 1, 5, 0, 2, 4]),
        ("-success,episode", [0, 3, 4, 1, 2, 5]),
        ("-final_similarity", [5, 3, 2, 1, 0, 4]),
    ],
)
def test_sort_orders_rows(sort: str, order: list[int]):
    """Several columns, both directions, ties in their order; what is not known comes last."""
    assert sort_order(sort, TABLE).tolist() == order


@pytest.mark.parametrize("sort", ["", ",", "--episode", "episode desc", "len(episode)"])
def test_a_sort_that_names_no_column_is_refused(sort: str):
    """With an example."""
    with pytest.raises(QueryError):
        sort_order(sort, TABLE)
