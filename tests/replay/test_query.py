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
        ("episode + 1 > 2", [2, 3, 4, 5]),
        ("total_reward / episode > 0.5", [0, 4]),
        ("total_reward - similarity_last > 1", [0]),
        ("-total_reward > 1", [1]),
        ("episode % 2 == 0", [0, 2, 4]),
        ("episode // 2 == 1", [2, 3]),
        ("2 * (episode - 1) <= 0", [0, 1]),
        ("total_reward == nan", [3]),
        ("total_reward != nan and not success", [1, 2, 5]),
        ("total_reward in [7, nan]", [3, 4]),
        ("episode == nan", []),
        ("total_reward < inf", [0, 1, 2, 4, 5]),
        ("total_reward != total_reward", [3]),
        ("task_id like 'a*'", [0, 2]),
        ("task_id like '*'", [0, 1, 2, 3, 4, 5]),
        ("task_id not like '?'", [4]),
        ("'b' in task_id", [1, 5]),
        ("'' in task_id", [0, 1, 2, 3, 4, 5]),
        ("'b' not in task_id", [0, 2, 3, 4]),
        ("task_id > 'a'", [1, 3, 5]),
        ("success == true and 0 < episode in {3, 4, 5}", [3, 4]),
        ("(total_reward > 1) == success", [0, 1, 2, 4]),
        ("not not success", [0, 3, 4]),
        ("- - episode == 1", [1]),
        ("`task_id` == 'b'", [1, 5]),
        ("task_id == '\\u00e4'", [3]),
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
        "eval('1')",
        "episode.__class__.__mro__",
        "success and success()",
        "`success`()",
        "(success)(1)",
        "task_id.startswith('a')",
        "abs(episode) > 1",
        "sum(x for x in episode)",
        "{**success}",
        "episode @ episode > 1",
        "episode ** 2 > 1",
        "episode & 1",
        "success | success",
        "!success",
        "episode = 1",
        "episode <> 1",
        "success AND success",
        "task_id like 'a'",
        "task_id like task_id",
        "episode like '1*'",
        "1 in task_id",
        "total_reward < nan",
        "success + 1 > 1",
        "success or 1",
        "[1] == episode",
        "task_id == '\\q'",
        "task_id == 'a",
        "`success",
        "``",
        "task_id == 007bbfb7",
        "0x10 < episode",
        "1__import__ > 0",
        "success\0",
        "success # all",
        "success.__class__",
        "().__class__.__bases__",
        "open('/etc/passwd')",
        "episode.real > 0",
        "[e for e in episode]",
        "lambda: 1",
        "(x := 1)",
        "9**9**9 > 1",
        "2**100000000 > episode",
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
        "x" * 30_000,
        "(" * 10**6 + "success" + ")" * 10**6,
        "(" * 900 + "success" + ")" * 900,
        "episode" + " + episode" * 900 + " > 1",
        "success" + " and success" * 800,
        "9" * 9_000 + " > episode",
        "not " * 480 + "success",
        "episode > " + "-" * 1_900 + "1",
        "[" * 900 + "]" * 900,
        "episode" + " < episode" * 190,
    ],
    ids=[
        *("long", "million", "parentheses", "sum", "and", "digits", "not", "minus", "lists", "chain"),
    ],
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
    with pytest.raises(QueryError, match=r"(?s)no column 'sucess'; did you mean success\?.*total_reward"):
        where_mask("sucess", TABLE)
    with pytest.raises(QueryError, match=r"no column 'total_rewards'; did you mean total_reward"):
        sort_order("-total_rewards", TABLE)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (
            "sucess and episode > 3",
            "no column 'sucess'; did you mean success?\n  sucess and episode > 3\n  ^^^^^^",
        ),
        ("episode > 3 and sucess", "episode > 3 and sucess\n                  ^^^^^^"),
        ("task_id == 'ää' and ä", "task_id == 'ää' and ä\n                      ^"),
        ("task_id == '世界' and ä", "task_id == '世界' and ä\n                        ^"),
        ("success\nand x", "  success and x\n              ^"),
        (" or ".join(["success"] * 100) + " or x", "  …ess or success or success or success or x\n   "),
        ("solved", "did you mean success?"),
        ("task_id == easy", "no column 'easy'; put text in quotes: 'easy'"),
        ("length > 3", "no column 'length'\n"),
        ("success = True", "where knows no '='; write == to compare"),
        ("success && success", "write 'and'"),
        (
            "total_reward is None",
            "where knows no 'is'; write == or !=; 'x == nan' is true where x is not known",
        ),
        ("total_reward == None", "write nan"),
        ("isnan(total_reward)", "where calls nothing; write 'x == nan'"),
        ("task_id.startswith('0')", "where calls nothing; write task_id like '007*'"),
        ("episode[0] > 1", "no column 'episode[0]'"),
        ("episode['a'] > 1", "nothing is taken out of episode"),
        ("task_id == 7", "task_id holds text; write it in quotes: '7'"),
        ("episode == 'x'", "episode is a number, 'x' is text"),
        ("success == 'yes'", "success is yes or no, 'yes' is text"),
        ("task_id == 007bbfb7", "'007bbfb7' is no number; put text in quotes: '007bbfb7'"),
        ("task_id == a b", "'b' stands beside another name; put text in quotes"),
        ("episode", "episode is a number and no condition; compare it, such as episode > 0"),
        ("task_id", "task_id is text and no condition; compare it, such as task_id == 'text'"),
        ("3", "3 is a number and no condition; compare it with a column"),
        ("task_id in 'abc'", "after 'in' comes a list, such as [1, 2], or a column of text"),
        ("(success", "'(' has no ')'"),
        ("success and", "something is missing at the end"),
        ("", "where is empty; something is missing"),
        ("task_id == 'a", "text begins here and has no end"),
        ("(" * 100, "where nests deeper than 60; write it flat"),
        ("x" * 10_001, "where has 10,001 characters, the limit is 10,000"),
    ],
    ids=range(32),
)
def test_an_error_says_what_is_wrong_where_and_what_to_write(expression: str, words: str):
    """The place is underlined, also below wide characters and in long expressions."""
    with pytest.raises(QueryError) as caught:
        where_mask(expression, TABLE)
    assert words in str(caught.value)


def test_labels_point_to_the_column_of_their_names():
    """A label is a number, its name is beside it."""
    table = EpisodeTable({"level": np.arange(2), "level_id": encode_text(["easy", "hard"])})
    assert where_mask("level_id == 'hard'", table).tolist() == [False, True]
    with pytest.raises(QueryError, match="level holds numbers; its names are in level_id"):
        where_mask("level == 'hard'", table)


def test_names_with_dots_positions_and_anything_in_backquotes_are_columns():
    """Nothing is looked up in anything: the dot is a part of the name."""
    names = ["action.operation", "action[0]", "info.a[1].b", "loss/policy <b>", "and", "info.2"]
    table = EpisodeTable({name: np.array([position, 9]) for position, name in enumerate(names)})
    for position, name in enumerate(names):
        assert where_mask(f"`{name}` == {position}", table).tolist() == [True, False]
    for position in (0, 1, 2, 5):
        assert where_mask(f"{names[position]} == {position}", table).tolist() == [True, False]
    assert sort_order("-`loss/policy <b>`,action.operation", table).tolist() == [1, 0]


def test_values_are_compared_in_the_precision_of_their_column():
    """A reward of -0.01 that was recorded as float32 is -0.01."""
    table = EpisodeTable({"reward": np.array([-0.01, 0.5], np.float32)})
    assert where_mask("reward == -0.01", table).tolist() == [True, False]
    assert where_mask("-1e300 < reward < 1e300", table).all()


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
        (["-total_reward", "-episode"], [4, 5, 0, 2, 1, 3]),
        ("+episode,", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_sort_orders_rows(sort: str | list[str], order: list[int]):
    """Several columns, both directions, ties in their order; what is not known comes last."""
    assert sort_order(sort, TABLE).tolist() == order


@pytest.mark.parametrize("sort", ["", ",", "--episode", "episode desc", "len(episode)", "1", "a b", "\0", []])
def test_a_sort_that_names_no_column_is_refused(sort: str | list[str]):
    """With an example."""
    with pytest.raises(QueryError):
        sort_order(sort, TABLE)
