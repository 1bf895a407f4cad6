"""From values to the words and octets that ``records.layout`` decodes, in NumPy.

``capture.packing`` does the same inside a program; what the two write is alike bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int8, Int32, Shaped

from jaxarc.records.layout import Field

__all__ = ["encode", "encode_scalar", "join_fields"]


def encode(
    field: Field, values: Shaped[np.ndarray, "rows ..."]
) -> Int32[np.ndarray, "rows words"] | Int8[np.ndarray, "rows octets"]:
    """Return the octets or words of a row field; ``Field.decode`` turns them back.

    Args:
        field: what the values are.
        values: one value a row, of the field's dtype and shape.
    """
    flat = np.ascontiguousarray(values).reshape(len(values), field.size)
    codec = field.codec
    if codec == "bits":
        return np.packbits(flat, axis=-1).view(np.int8)
    if codec == "narrow":
        return flat.astype(np.int8)
    if codec == "octets":
        return flat.view(np.int8)
    if codec == "half":
        return (flat if flat.dtype.kind in "iu" else flat.view(np.uint16)).astype(np.int32)
    return flat.view(np.int32).reshape(len(values), field.num_words)


def encode_scalar(field: Field, values: Shaped[np.ndarray, " rows"]) -> Int32[np.ndarray, "rows words"]:
    """Return the words of a scalar field, one-byte types widened; ``Field.decode_scalar`` turns them back."""
    if field.codec not in ("bits", "octets", "narrow"):
        return encode(field, values)
    if field.dtype.startswith("float"):
        values = values.view(np.int8)
    return values.astype(np.int32).reshape(-1, 1)


def join_fields(
    fields: Sequence[Field], arrays: Sequence[np.ndarray], num_rows: int
) -> tuple[Int32[np.ndarray, "rows words"], Int8[np.ndarray, "rows octets"]]:
    """Return the words and the octets of rows, field after field.

    Args:
        fields: the fields of a row, in their order.
        arrays: for each of them one value a row; of a constant that crosses where an episode ``starts`` one
            value alone, for the first row: what the others say of it is not set.
        num_rows: rows.
    """
    words = np.empty((num_rows, sum(field.num_words for field in fields)), np.int32)
    octets = np.empty((num_rows, sum(field.num_octets for field in fields)), np.int8)
    word = octet = 0
    for field, array in zip(fields, arrays, strict=True):
        rows = slice(0, 1 if field.sent == "starts" else num_rows)
        words_end, octets_end = word + field.num_words, octet + field.num_octets
        numbers = encode(field, array)
        if numbers.dtype == np.int32:
            words[rows, word:words_end] = numbers
        else:
            octets[rows, octet:octets_end] = numbers
        word, octet = words_end, octets_end
    return words, octets
