"""Events survive their line: odd numbers, odd text, and damage."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.records.events import Event, decode_event, encode_event

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
