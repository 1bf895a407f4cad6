"""The mask of a condition is what plain Python says of each row."""

from __future__ import annotations

import fnmatch
import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.replay.query import where_mask

WORDS = ["", "a", "ab", "b*", "ä", "a?", "[a]", "abba"]
REALS = [0.0, -0.0, 0.5, -1.25, 3.0, math.inf, -math.inf, math.nan]
NUM_ROWS = 24
Row = dict[str, Any]


class Part(NamedTuple):
    """A piece of a condition as it is written, and what it is in a row."""

    text: str
    of: Callable[[Row], Any]


def table(rows: list[Row]) -> EpisodeTable:
    return EpisodeTable(
        {
            "episode": np.array([row["episode"] for row in rows], np.int64),
            "small": np.array([row["small"] for row in rows], np.uint8),
            "total_reward": np.array([row["total_reward"] for row in rows], np.float64),
            "info.value": np.array([row["info.value"] for row in rows], np.float32),
            "success": np.array([row["success"] for row in rows], bool),
            "task_id": encode_text([row["task_id"] for row in rows]),
        }
    )


ROWS = st.fixed_dictionaries(
    {
        "episode": st.integers(-5, 5),
        "small": st.integers(0, 3),
        "total_reward": st.sampled_from(REALS),
        "info.value": st.sampled_from(REALS),
        "success": st.booleans(),
        "task_id": st.sampled_from(WORDS),
    }
)


def column(name: str) -> Part:
    return Part(name, lambda row: row[name])


def divided(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


COMPUTE = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": divided}
COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

constants = st.sampled_from([0, 1, -2, 3, 0.5, -1.25, math.inf]).map(
    lambda value: Part(str(value), lambda _: value)
)
numbers = st.recursive(
    st.one_of(st.sampled_from(["episode", "small", "total_reward", "info.value"]).map(column), constants),
    lambda below: st.one_of(
        st.tuples(below, st.sampled_from(list(COMPUTE)), below).map(
            lambda t: Part(
                f"({t[0].text} {t[1]} {t[2].text})",
                lambda row: COMPUTE[t[1]](float(t[0].of(row)), float(t[2].of(row))),
            )
        ),
        below.map(lambda part: Part(f"(-{part.text})", lambda row: -float(part.of(row)))),
    ),
    max_leaves=4,
)
texts = st.one_of(
    st.just(column("task_id")), st.sampled_from(WORDS).map(lambda word: Part(repr(word), lambda _: word))
)


def chained(t: tuple[Part, str, Part, str, Part]) -> Part:
    first, one, second, other, third = t
    return Part(
        f"{first.text} {one} {second.text} {other} {third.text}",
        lambda row: (
            COMPARE[one](first.of(row), second.of(row)) and COMPARE[other](second.of(row), third.of(row))
        ),
    )


def listed(t: tuple[Part, bool, list[Part]]) -> Part:
    part, is_in, items = t
    return Part(
        f"{part.text} {'in' if is_in else 'not in'} [{', '.join(item.text for item in items)}]",
        lambda row: any(part.of(row) == item.of(row) for item in items) == is_in,
    )


def like(t: tuple[str, bool]) -> Part:
    pattern, is_like = t
    return Part(
        f"task_id {'like' if is_like else 'not like'} {pattern!r}",
        lambda row: fnmatch.fnmatchcase(row["task_id"], pattern.replace("[", "[[]")) == is_like,
    )


SIGNS = st.sampled_from(list(COMPARE))
conditions = st.recursive(
    st.one_of(
        st.just(column("success")),
        st.booleans().map(lambda value: Part(str(value), lambda _: value)),
        st.tuples(numbers, SIGNS, numbers, SIGNS, numbers).map(chained),
        st.tuples(texts, SIGNS, texts, SIGNS, texts).map(chained),
        st.tuples(numbers, st.booleans(), st.lists(constants, max_size=3)).map(listed),
        st.tuples(texts, st.booleans(), st.lists(texts, max_size=3)).map(listed),
        st.tuples(st.text("ab*?[]ä", max_size=4).map(lambda text: text + "*"), st.booleans()).map(like),
        st.sampled_from(WORDS).map(
            lambda word: Part(f"{word!r} in task_id", lambda row: word in row["task_id"])
        ),
        st.sampled_from(["total_reward", "info.value"]).map(
            lambda name: Part(f"{name} == nan", lambda row: math.isnan(row[name]))
        ),
    ),
    lambda below: st.one_of(
        below.map(lambda part: Part(f"not ({part.text})", lambda row: not part.of(row))),
        st.tuples(below, below).map(
            lambda t: Part(f"({t[0].text}) and ({t[1].text})", lambda row: t[0].of(row) and t[1].of(row))
        ),
        st.tuples(below, below).map(
            lambda t: Part(f"({t[0].text}) or ({t[1].text})", lambda row: t[0].of(row) or t[1].of(row))
        ),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(condition=conditions, rows=st.lists(ROWS, min_size=1, max_size=NUM_ROWS))
def test_a_mask_is_what_plain_python_says_of_each_row(condition: Part, rows: list[Row]):
    """Comparisons in chains, arithmetic, lists, patterns, NaN and infinity, joined in any way."""
    assert where_mask(condition.text, table(rows)).tolist() == [bool(condition.of(row)) for row in rows]


def test_only_a_written_nan_asks_what_is_not_known():
    """A number that is computed to NaN equals nothing, and nothing is less or more."""
    rows = table([{**dict.fromkeys(("episode", "small"), 1), "total_reward": reward, "info.value": 0.0,
                   "success": True, "task_id": "a"} for reward in (1.0, math.nan)])  # fmt: skip
    assert where_mask("total_reward == nan", rows).tolist() == [False, True]
    assert where_mask("total_reward == 0 * inf", rows).tolist() == [False, False]
    assert where_mask("total_reward != 0 * inf", rows).tolist() == [True, True]
    assert where_mask("episode < 0 * inf", rows).tolist() == [False, False]


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=NUM_ROWS))
def test_words_bind_as_they_do_in_python(rows: list[Row]):
    """``not`` before ``and`` before ``or``, products before sums, comparisons last."""
    expression = "not success and episode + 2 * small > 3 or episode - 1 - 1 < -small % 3 and task_id == 'a'"
    code = compile(expression, "expression", "eval")
    expected = [bool(eval(code, {"__builtins__": {}}, row)) for row in rows]
    assert where_mask(expression, table(rows)).tolist() == expected
