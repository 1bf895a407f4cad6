"""The parts of a layout: each can be written as SVG and painted on pixels, so a drawing is laid out once.

Places and sizes are pixels of the SVG drawing. A drawing is a list of shapes; ``svg_of`` writes it, and
``paint`` of each puts it on a ``Canvas``. A ``Picture`` that has only SVG text is
drawn on a canvas through resvg.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple, Protocol

from jaxarc.rendering.text import clean, fit, label

if TYPE_CHECKING:
    from jaxarc.rendering.canvas import Canvas

__all__ = ["Box", "Disc", "Frame", "Group", "Line", "Picture", "Shape", "Text", "svg_of"]


class Shape(Protocol):
    """What can be written as SVG and painted on pixels."""

    def svg(self) -> str:
        """Return SVG elements."""
        ...

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        """Paint it with its origin at (x, y)."""
        ...


def svg_of(shapes: Iterable[Shape]) -> str:
    """Return shapes as SVG elements."""
    return "".join([shape.svg() for shape in shapes])


@lru_cache(maxsize=2048)
def _label(
    x: float,
    y: float,
    value: object,
    size: float,
    colour: str,
    anchor: str,
    bold: bool,
    max_width: float | None,
) -> str:
    """Write a text; pictures of one episode repeat most of theirs."""
    return label(x, y, value, size, colour, anchor=anchor, bold=bold, max_width=max_width)


class Text(NamedTuple):
    """One line of text; the fields are the arguments of ``text.label``."""

    x: float
    y: float
    value: object
    size: float
    colour: str
    anchor: str = "start"
    bold: bool = False
    max_width: float | None = None

    def svg(self) -> str:
        return (_label if type(self.value) is str else _label.__wrapped__)(*self)

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        room = self.max_width
        words = clean(self.value) if room is None else fit(self.value, room, self.size, bold=self.bold)
        if words:
            canvas.text(x + self.x, y + self.y, words, self.size, self.colour, self.anchor, self.bold)


class Box(NamedTuple):
    """A filled box, with round corners where ``radius`` is above 0."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    radius: float = 0.0

    def svg(self) -> str:
        round_ = f' rx="{self.radius:g}"' if self.radius else ""
        size = f'width="{self.width:g}" height="{self.height:g}"'
        return f'<rect x="{self.x:g}" y="{self.y:g}" {size}{round_} fill="{self.colour}"/>'

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        canvas.box(x + self.x, y + self.y, self.width, self.height, self.colour, self.radius)


class Frame(NamedTuple):
    """A line along the edge of a box; ``dash`` is the length of a dash and of the gap after it."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    line: float = 1.0
    radius: float = 0.0
    dash: float = 0.0

    def svg(self) -> str:
        round_ = f' rx="{self.radius:g}"' if self.radius else ""
        box = f'<rect x="{self.x:g}" y="{self.y:g}" width="{self.width:g}" height="{self.height:g}"{round_}'
        wide = f' stroke-width="{self.line:g}"' if self.line != 1 else ""
        dash = f' stroke-dasharray="{self.dash:g} {self.dash:g}"' if self.dash else ""
        return f'{box} fill="none" stroke="{self.colour}"{wide}{dash}/>'

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        box = (x + self.x, y + self.y, self.width, self.height)
        if self.dash:
            canvas.dashes(*box, self.line, (self.dash, self.dash), self.colour)
        else:
            canvas.box(*box, self.colour, self.radius, self.line)


class Disc(NamedTuple):
    """A filled circle with a line around it."""

    x: float
    y: float
    radius: float
    colour: str
    edge: str
    line: float

    def svg(self) -> str:
        circle = f'<circle cx="{self.x:g}" cy="{self.y:g}" r="{self.radius:g}" fill="{self.colour}"'
        return f'{circle} stroke="{self.edge}" stroke-width="{self.line:g}"/>'

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        for radius, colour in (
            (self.radius + self.line / 2, self.edge),
            (self.radius - self.line / 2, self.colour),
        ):
            canvas.box(x + self.x - radius, y + self.y - radius, 2 * radius, 2 * radius, colour, radius)


class Line(NamedTuple):
    """Straight lines through points; ``dash`` is the length of a dash and of the gap after it."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float
    dash: float = 0.0
    round_: bool = False

    @lru_cache(maxsize=256)  # noqa: B019  (a tuple of numbers, which arrows repeat)
    def svg(self) -> str:
        x, y = self.points[0]
        path = f"M{x:g} {y:g}"
        for next_x, next_y in self.points[1:]:
            dx, dy = next_x - x, next_y - y
            path += f"h{dx:g}" if not dy else f"v{dy:g}" if not dx else f"l{dx:g} {dy:g}"
            x, y = next_x, next_y
        look = f'stroke="{self.colour}" stroke-width="{self.width:g}" fill="none"'
        dash = f' stroke-dasharray="{self.dash:g} {self.dash:g}"' if self.dash else ""
        ends = ' stroke-linecap="round" stroke-linejoin="round"' if self.round_ else ""
        return f'<path d="{path}" {look}{dash}{ends}/>'

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        points = tuple((x + px, y + py) for px, py in self.points)
        if not self.dash:
            canvas.stroke(points, self.width, self.colour, round_=self.round_)
            return
        (x0, y0), (x1, _) = points[0], points[-1]  # dashes lie along a level line
        canvas.dashes(x0, y0, x1 - x0, 0, self.width, (self.dash, self.dash), self.colour)


@dataclass(frozen=True, eq=False)
class Picture:
    """A part of a drawing, with its origin at the top left.

    Attributes:
        width, height: size in pixels.
        drawn: SVG elements, or shapes; only shapes are painted fast.
    """

    width: float
    height: float
    drawn: str | Sequence[Shape]

    @cached_property
    def body(self) -> str:
        """The picture as SVG elements."""
        return self.drawn if isinstance(self.drawn, str) else svg_of(self.drawn)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Picture):
            return NotImplemented
        return (self.width, self.height, self.body) == (other.width, other.height, other.body)

    def __hash__(self) -> int:
        return hash((self.width, self.height, self.body))

    def svg(self) -> str:
        """Return SVG elements."""
        return self.body

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        """Paint it with its top left corner at (x, y)."""
        if isinstance(self.drawn, str):
            canvas.svg(x, y, self.width, self.height, self.drawn)
            return
        for shape in self.drawn:
            shape.paint(canvas, x, y)


class Group(NamedTuple):
    """Shapes that are moved together."""

    x: float
    y: float
    shapes: Sequence[Shape]

    def svg(self) -> str:
        return f'<g transform="translate({self.x:g} {self.y:g})">{svg_of(self.shapes)}</g>'

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        for shape in self.shapes:
            shape.paint(canvas, x + self.x, y + self.y)
