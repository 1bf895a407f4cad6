"""Arrays as JSON come back bit for bit."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxarc.records.json_arrays import decode_array, encode_array

WORDS = ("bool", "int8", "uint8", "int16", "uint32", "int64", "uint64", "float16", "float32", "float64")
SMALL = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4")


def there_and_back(values: np.ndarray) -> np.ndarray:
    return decode_array(json.loads(json.dumps(encode_array(values), allow_nan=False)))


def assert_same(again: np.ndarray, values: np.ndarray) -> None:
    assert again.dtype == values.dtype
    assert again.shape == values.shape
    assert again.tobytes() == values.tobytes()


shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)


@given(st.sampled_from(WORDS), st.data())
def test_numbers_of_every_dtype_and_shape_come_back_bit_for_bit(name: str, data: st.DataObject):
    """Any bit pattern: NaNs with a payload, negative zeros, the largest integers."""
    dtype = np.dtype(name)
    shape = data.draw(shapes)
    raw = data.draw(hnp.arrays(np.uint8, (*shape, dtype.itemsize)))
    values = (
        np.asarray(raw[..., 0] > 127)
        if name == "bool"
        else np.ascontiguousarray(raw).view(dtype).reshape(shape)
    )
    assert_same(there_and_back(values), values)


@pytest.mark.parametrize("name", SMALL)
def test_the_small_types_of_ml_dtypes_come_back(name: str):
    """Every value that eight bits can make, and NaN and infinities of the wider one."""
    dtype = np.dtype(getattr(ml_dtypes, name))
    if "int" in name:
        values = np.arange(-8 if name == "int4" else 0, 8 if name == "int4" else 16).astype(dtype)
    else:
        values = np.arange(256, dtype=np.uint8).astype(f"u{dtype.itemsize}") << (8 * (dtype.itemsize - 1))
        values = values.astype(f"u{dtype.itemsize}").view(dtype).reshape(16, 16)
    assert_same(there_and_back(values), values)


def test_complex_numbers_and_text_come_back():
    """Pairs of floats, and text of fixed width that may be no UTF-8."""
    assert_same(
        there_and_back(np.array([1 + 2j, np.nan - 0.0j], np.complex64)),
        np.array([1 + 2j, np.nan - 0.0j], np.complex64),
    )
    assert_same(
        there_and_back(np.array([[b"a", b"\xff\xfe"], [b"", "é".encode()]], "S6")),
        np.array([[b"a", b"\xff\xfe"], [b"", "é".encode()]], "S6"),
    )


def test_what_json_has_no_number_for_is_tagged():
    """As in events."""
    data = encode_array(np.array([np.nan, np.inf, -np.inf, 1.5], np.float32))["data"]
    assert data == [{"$float": "nan"}, {"$float": "inf"}, {"$float": "-inf"}, 1.5]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"dtype": "int8", "shape": [2], "data": [1]},
        {"dtype": "int8", "shape": [1], "data": [300]},
        {"dtype": "object", "shape": [1], "data": [1]},
        {"dtype": "finfo", "shape": [1], "data": [1]},
        {"dtype": "i4,i4", "shape": [1], "data": [1]},
        {"dtype": "float32", "shape": [1], "data": [{"$float": "much"}]},
        {"dtype": "int8", "shape": [2, 2], "data": [[1, 2], [3]]},
        {"dtype": "S3", "shape": [1], "data": [5]},
        [],
    ],
)
def test_what_is_no_array_is_refused(value: object):
    """In one class of error, whatever is wrong."""
    with pytest.raises(ValueError, match=r"."):
        decode_array(value)
