"""How much closer two letters stand: the pair adjustments of the fonts that come along.

Lato keeps them only in its ``GPOS`` table (OpenType specification 1.9, chapters "GPOS" and "Common table
formats"): a feature names lookups, a lookup holds subtables, and a subtable lists pairs of glyphs, each with
what it adds to the advance of the first. FreeType doesn't read that table.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from pathlib import Path

from jaxarc.rendering.raster import font_files

__all__ = ["has_glyphs", "kerning"]

_PAIRS, _EXTENSION = 2, 9
_ADVANCE = 4


class _Table:
    """Big-endian numbers at offsets of a table."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def u16(self, offset: int) -> int:
        return struct.unpack_from(">H", self.data, self.at + offset)[0]

    def u16s(self, offset: int, count: int) -> tuple[int, ...]:
        return struct.unpack_from(f">{count}H", self.data, self.at + offset)

    def u32(self, offset: int) -> int:
        return struct.unpack_from(">I", self.data, self.at + offset)[0]

    def tag(self, offset: int) -> bytes:
        return self.data[self.at + offset : self.at + offset + 4]

    def sub(self, offset: int) -> _Table:
        return _Table(self.data, self.at + offset)


def _characters(cmap: _Table) -> dict[int, int]:
    """Return the glyph of every character, from the subtable of format 4."""
    tables = (cmap.sub(cmap.u32(8 + 8 * entry)) for entry in range(cmap.u16(2)))
    table = next(table for table in tables if table.u16(0) == 4)
    count = table.u16(6) // 2
    glyphs: dict[int, int] = {}
    for segment in range(count):
        end, start = table.u16(14 + 2 * segment), table.u16(16 + 2 * count + 2 * segment)
        delta, at = table.u16(16 + 4 * count + 2 * segment), 16 + 6 * count + 2 * segment
        offset = table.u16(at)
        for char in range(start, min(end, 0xFFFE) + 1):
            glyph = table.u16(at + offset + 2 * (char - start)) if offset else char
            glyphs[char] = (glyph + delta) & 0xFFFF
    return glyphs


def _pair_tables(gpos: _Table) -> list[_Table]:
    """Return the subtables of pairs that the kerning feature names, in their order."""
    features, lookups = gpos.sub(gpos.u16(6)), gpos.sub(gpos.u16(8))
    wanted: set[int] = set()
    for entry in range(features.u16(0)):
        if features.tag(2 + 6 * entry) == b"kern":
            feature = features.sub(features.u16(6 + 6 * entry))
            wanted.update(feature.u16s(4, feature.u16(2)))
    found = []
    for index in sorted(wanted):
        lookup = lookups.sub(lookups.u16(2 + 2 * index))
        for offset in lookup.u16s(6, lookup.u16(4)):
            table, kind = lookup.sub(offset), lookup.u16(0)
            if kind == _EXTENSION:
                table, kind = table.sub(table.u32(4)), table.u16(2)
            # Both faces list pairs of single glyphs, and change the advance of the first one alone.
            if kind == _PAIRS and table.u16(0) == 1 and table.u16s(4, 2) == (_ADVANCE, 0):
                found.append(table)
    return found


def _covered(table: _Table) -> list[int]:
    """Return the glyphs of a coverage table."""
    count = table.u16(2)
    if table.u16(0) == 1:
        return list(table.u16s(4, count))
    ranges = (table.u16s(4 + 6 * entry, 2) for entry in range(count))
    return [glyph for first, last in ranges for glyph in range(first, last + 1)]


@lru_cache(maxsize=2)
def _face(bold: bool) -> tuple[dict[int, int], dict[int, list[_Table]], int]:
    """Return the glyphs of a face by character, the lists of pairs that begin with a glyph, and its em."""
    data = Path(font_files()[bold]).read_bytes()
    head = _Table(data)
    tables = {head.tag(12 + 16 * i): head.sub(head.u32(20 + 16 * i)) for i in range(head.u16(4))}
    lists: dict[int, list[_Table]] = {}
    for table in _pair_tables(tables[b"GPOS"]):
        for index, glyph in enumerate(_covered(table.sub(table.u16(2)))):
            lists.setdefault(glyph, []).append(table.sub(table.u16(10 + 2 * index)))
    return _characters(tables[b"cmap"]), lists, tables[b"head"].u16(18)


@lru_cache(maxsize=4096)
def kerning(first: str, second: str, bold: bool) -> float:
    """Return what Lato adds to the distance of two characters, in ems; mostly negative or 0."""
    glyphs, lists, em = _face(bold)
    right = glyphs.get(ord(second), 0)
    for pairs in lists.get(glyphs.get(ord(first), 0), ()):
        count = pairs.u16(0)
        numbers = pairs.u16s(2, 2 * count)
        for glyph, adjustment in zip(numbers[::2], numbers[1::2], strict=True):
            if glyph == right:
                return (adjustment - (adjustment >> 15 << 16)) / em
    return 0.0


@lru_cache(maxsize=4096)
def has_glyphs(words: str, bold: bool) -> bool:
    """Return whether Lato has every character of a text: it has no emoji and no CJK."""
    glyphs = _face(bold)[0]
    return all(glyphs.get(ord(char), 0) for char in words)
