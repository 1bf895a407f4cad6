"""Where texts of an SVG lie, and whether they hit each other, a board or the edge of the picture.

A text is taken to be as wide as ``width_of`` says, which is an upper estimate, so a picture that passes is
readable in any sans-serif face. A board (a group that scales its cells) and an image are boxes that no text
from outside them may touch. Everything drawn has to lie inside the viewBox.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from svg_rules import SVG, parsed

from jaxarc.rendering.text import width_of

__all__ = ["Box", "boxes", "problems"]

Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_CALL = re.compile(r"(\w+)\(([^)]*)\)")
_PATH = re.compile(rf"([A-Za-z])|({_NUMBER})")
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "A": 7, "Z": 0, "C": 6, "Q": 4}
_ASCENT, _DESCENT = 0.72, 0.16
_TOUCH = 0.75


@dataclass(frozen=True)
class Box:
    """What is drawn (``text``, ``board``, ``image`` or ``shape``), its words, and its sides in pixels."""

    kind: str
    words: str
    left: float
    top: float
    right: float
    bottom: float
    inside: tuple[int, ...] = field(default=(), compare=False)

    def hits(self, other: Box) -> bool:
        """Return whether two boxes share more than a hair of area."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > _TOUCH
            and min(self.bottom, other.bottom) - max(self.top, other.top) > _TOUCH
        )

    def __str__(self) -> str:
        sides = ", ".join(f"{side:.0f}" for side in (self.left, self.top, self.right, self.bottom))
        return f"{self.kind} {self.words[:40]!r} at ({sides})"


def _times(one: Matrix, two: Matrix) -> Matrix:
    a, b, c, d, e, f = one
    g, h, i, j, k, m = two
    return (
        *(a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j),
        *(a * k + c * m + e, b * k + d * m + f),
    )


def _matrix(transform: str) -> Matrix:
    matrix = _IDENTITY
    for name, listed in _CALL.findall(transform):
        values = [float(value) for value in re.findall(_NUMBER, listed)]
        if name == "translate":
            step: Matrix = (1, 0, 0, 1, values[0], values[1] if len(values) > 1 else 0.0)
        elif name == "scale":
            step = (values[0], 0, 0, values[-1], 0, 0)
        elif name == "rotate" and len(values) == 1 and values[0] % 90 == 0:
            cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[values[0] % 360]
            step = (cos, sin, -sin, cos, 0, 0)
        else:
            raise ValueError(f"unknown transform {name}({listed})")
        matrix = _times(matrix, step)
    return matrix


def _path_points(d: str) -> Iterator[tuple[float, float]]:
    """Yield the corners of a path (control points included, so the hull holds every curve)."""
    tokens = _PATH.findall(d)
    at = start = (0.0, 0.0)
    letter, numbers = "", []
    position = 0
    while position < len(tokens):
        if tokens[position][0]:
            letter = tokens[position][0]
            position += 1
        count = _ARGUMENTS[letter.upper()]
        numbers = [float(tokens[position + i][1]) for i in range(count)]
        position += count
        dx, dy = at if letter.islower() else (0.0, 0.0)
        kind = letter.upper()
        if kind == "Z":
            at = start
            continue
        if kind == "H":
            at = (numbers[0] + dx, at[1])
        elif kind == "V":
            at = (at[0], numbers[0] + dy)
        elif kind == "A":
            at = (numbers[5] + dx, numbers[6] + dy)
        else:
            points = list(zip(numbers[::2], numbers[1::2], strict=True))
            for x, y in points[:-1]:
                yield (x + dx, y + dy)
            at = (points[-1][0] + dx, points[-1][1] + dy)
        if kind == "M":
            start = at
            letter = "l" if letter == "m" else "L"
        yield at


def _number(node: Element, name: str, default: float = 0.0) -> float:
    return float(node.get(name, default))


def _corners(left: float, top: float, width: float, height: float) -> list[tuple[float, float]]:
    return [(left, top), (left + width, top), (left, top + height), (left + width, top + height)]


class _Walk:
    def __init__(self, root: Element) -> None:
        self.named = {node.get("id"): node for node in root.iter() if node.get("id")}
        self.found: list[Box] = []
        self.boards = 0

    def _add(
        self,
        kind: str,
        words: str,
        points: list[tuple[float, float]],
        matrix: Matrix,
        inside: tuple[int, ...],
    ) -> None:
        if points:
            a, b, c, d, e, f = matrix
            xs = [a * x + c * y + e for x, y in points]
            ys = [b * x + d * y + f for x, y in points]
            self.found.append(Box(kind, words, min(xs), min(ys), max(xs), max(ys), inside))

    def _text(self, node: Element, matrix: Matrix, inherited: dict[str, str], inside) -> None:
        """Add a box for each run of a text that starts at its own place."""
        runs: list[tuple[float, float, float, float, str]] = []  # x, y, size, width, words
        anchor = inherited.get("text-anchor", "start")
        for part in node.iter():
            look = inherited | dict(part.attrib)
            size, bold = float(look.get("font-size", 16)), look.get("font-weight") == "700"
            moved = part is node or "x" in part.attrib or "y" in part.attrib
            spoken = [part.text or ""] + [child.tail or "" for child in part]
            words = "".join(spoken)
            places = part.get("x", "").split()
            if part is node and "font-size" not in part.attrib:  # digits in cells: they are on a board
                self._add("digits", words, [(float(x), _number(part, "y")) for x in places], matrix, inside)
                continue
            wide = width_of(words, size, bold=bold) + _number(part, "dx")
            if moved or not runs:
                x = _number(part, "x", _number(node, "x"))
                y = _number(part, "y", _number(node, "y"))
                runs.append((x, y, size, wide, words))
            else:
                x, y, tall, before, said = runs[-1]
                runs[-1] = (x, y, max(tall, size), before + wide, f"{said} {words}")
        for x, y, size, wide, words in runs:
            if words.strip():
                left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
                box = _corners(left, y - size * _ASCENT, wide, size * (_ASCENT + _DESCENT))
                self._add("text", words, box, matrix, inside)

    def visit(
        self, node: Element, matrix: Matrix, inherited: dict[str, str], inside: tuple[int, ...]
    ) -> None:
        name = str(node.tag).removeprefix(SVG)
        if name in ("defs", "title", "clipPath", "linearGradient"):
            return
        transform = node.get("transform", "")
        matrix = _times(matrix, _matrix(transform))
        inherited = inherited | {
            key: value
            for key, value in node.attrib.items()
            if key in ("font-size", "font-weight", "text-anchor", "stroke")
        }
        if name == "text":
            self._text(node, matrix, inherited, inside)
        elif name == "path":
            self._add("shape", "path", list(_path_points(node.get("d", ""))), matrix, inside)
        elif name in ("rect", "image"):
            kind = "image" if name == "image" else "shape"
            sides = [_number(node, side) for side in ("x", "y", "width", "height")]
            self._add(kind, name, _corners(*sides), matrix, inside)
        elif name == "circle":
            x, y, r = (_number(node, side) for side in ("cx", "cy", "r"))
            self._add("shape", name, _corners(x - r, y - r, 2 * r, 2 * r), matrix, inside)
        elif name == "use":
            moved = _times(matrix, (1, 0, 0, 1, _number(node, "x"), _number(node, "y")))
            self.visit(self.named[node.get("href", "")[1:]], moved, inherited, inside)
        else:
            is_board = "scale(" in transform and not any(index >= 0 for index in inside)
            start = len(self.found)
            if is_board:
                self.boards += 1
                inside = (*inside, self.boards)
            for child in node:
                self.visit(child, matrix, inherited, inside)
            within = [box for box in self.found[start:] if box.kind not in ("text", "digits")]
            if is_board and within and node.get("clip-path") is None:
                corners = [(b.left, b.top) for b in within] + [(b.right, b.bottom) for b in within]
                self._add("board", "", corners, _IDENTITY, inside)
            if node.get("clip-path") is not None:
                del self.found[start:]


def boxes(svg: str) -> tuple[Box, list[Box]]:
    """Return the box of the picture, and of everything that is drawn on it but its background."""
    root = parsed(svg)
    left, top, width, height = (float(part) for part in root.get("viewBox", "").split())
    walk = _Walk(root)
    for child in root:
        walk.visit(child, _IDENTITY, {}, ())
    return Box("picture", "", left, top, left + width, top + height), walk.found


def problems(svg: str) -> list[str]:
    """Return what overlaps or leaves the picture, in words; an empty list when all is well."""
    picture, found = boxes(svg)
    out = [
        f"{box} leaves the picture {picture}"
        for box in found
        if box.left < picture.left - _TOUCH
        or box.top < picture.top - _TOUCH
        or box.right > picture.right + _TOUCH
        or box.bottom > picture.bottom + _TOUCH
    ]
    texts = [box for box in found if box.kind == "text"]
    solid = [box for box in found if box.kind in ("board", "image")]
    for index, one in enumerate(texts):
        out.extend(f"{one} hits {two}" for two in texts[index + 1 :] if one.hits(two))
        out.extend(
            f"{one} hits {two}" for two in solid if one.hits(two) and not set(one.inside) & set(two.inside)
        )
    for index, one in enumerate(solid):
        for two in solid[index + 1 :]:
            if one.hits(two) and not set(one.inside) & set(two.inside):
                out.append(f"{one} hits {two}")
    return out
