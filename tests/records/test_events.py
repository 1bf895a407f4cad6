"""Events survive their line: odd numbers, odd text, and damage."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.records.events import Event, decode_event, encode_counted, encode_event

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def same(left: object, right: object) -> bool:
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


@given(payload=st.dictionaries(st.text(), plain, max_size=4), seq=st.integers(0), stamp=st.integers(0))
def test_an_event_survives_its_line(payload: dict[str, object], seq: int, stamp: int):
    """NaN, infinities, big integers and any Unicode come back; the line is one line of strict JSON."""
    event = Event("metric_batch", payload, seq, stamp, "p000")
    line = encode_event(event)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert b"NaN" not in line.replace(b'"NaN', b"")
    again = decode_event(line)
    assert (again.type, again.seq, again.timestamp_us, again.writer) == ("metric_batch", seq, stamp, "p000")
    assert same(again.payload, payload)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array(3), 3),
        (np.array([1, 2]), [1, 2]),
        (jnp.float32(2.5), 2.5),
        (jnp.bfloat16(1.5), 1.5),
        (np.float64("inf"), math.inf),
        ((1, 2), [1, 2]),
        ({3: "x"}, {"3": "x"}),
    ],
)
def test_numpy_and_jax_values_become_plain(value: object, expected: object):
    """None of them is dropped or written as a repr."""
    assert decode_event(encode_event(Event("t", {"v": value}))).payload["v"] == expected


def test_text_that_is_no_utf_8_survives():
    """File names may hold bytes that decode to lone surrogates."""
    assert decode_event(encode_event(Event("t", {"v": "caf\udce9 é"}))).payload["v"] == "caf\udce9 é"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"12",
        b'{"t":"x"}',
        b'{"v":1,"t":"x","m":[],"p":{}}',
        b'{"v":1,"t":"x","m":{"seq":1e999,"ts":0,"wid":""},"p":{}}',
        b'{"v":1,"t":"x","m":{"seq":"a","ts":0,"wid":""},"p":{}}',
        b"\xff\xfe\x00",
        b"[" * 200_000,
    ],
    ids=lambda line: repr(line[:20]),
)
def test_a_line_that_is_no_event_is_a_value_error(line: bytes):
    """Whatever is wrong with it, readers have one error to expect."""
    with pytest.raises(ValueError):  # noqa: PT011 - the class is the contract
        decode_event(line)


class Stubborn:
    """Says nothing of itself."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.array([1, "a", None], object), [1, "a", None]),
        (np.array(2.5, object), 2.5),
        (np.array([math.nan, math.inf]), [math.nan, math.inf]),
        (10**400, 10**400),
        (10**6000, 10**6000),
        (-(10**6000), -(10**6000)),
        ({(1, 2): 3}, {"(1, 2)": 3}),
        (jnp.arange(3), [0, 1, 2]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unusual_values_survive(value: object, expected: object):
    """Object arrays, numbers that no JSON parser takes, and keys that are no text."""
    line, coerced = encode_counted(Event("t", {"v": value}))
    assert same(decode_event(line).payload["v"], expected)
    assert coerced == 0


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object, "<class 'object'>"),
        (1 + 2j, "(1+2j)"),
        (np.complex64(1j), "1j"),
        (Stubborn(), "<Stubborn>"),
        ({"a": {Stubborn(): 1}}, None),
        (nested(100), None),
        (nested(100_000), None),
        (np.zeros(200_000), None),
        (np.datetime64("2026-01-02"), "2026-01-02"),
        (jax.random.key(0), None),
        (b"\xff", "b'\\xff'"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_json_form_becomes_text_and_is_counted(value: object, words: str | None):
    """Nothing that a caller logs raises, and no line grows beyond what a reader takes."""
    line, coerced = encode_counted(Event("t", {"v": value}))
    payload = decode_event(line).payload
    assert len(line) < 2_000
    if words is not None:
        assert payload["v"] == words
    assert coerced == (0 if isinstance(value, dict) else 1)


def test_an_event_from_the_future_keeps_what_we_do_not_know():
    """A newer version, an unknown type, unknown keys: the payload comes through."""
    line = b'{"v":9,"t":"new","m":{"seq":3,"ts":4,"wid":"p001","more":1},"p":{"x":[1]},"also":2}'
    event = decode_event(line)
    assert (event.version, event.type, event.payload, event.writer) == (9, "new", {"x": [1]}, "p001")
