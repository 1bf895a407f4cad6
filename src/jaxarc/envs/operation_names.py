"""The names and numbers of the 35 operations; importing this module imports no JAX."""

from __future__ import annotations

__all__ = [
    "CLEAR",
    "COPY",
    "COPY_INPUT",
    "CUT",
    "FILL",
    "FLIP_H",
    "FLIP_V",
    "FLOOD_FILL",
    "MOVE_DOWN",
    "MOVE_LEFT",
    "MOVE_RIGHT",
    "MOVE_UP",
    "NUM_COLOURS",
    "NUM_OPERATIONS",
    "OPERATION_NAMES",
    "PASTE",
    "RESIZE",
    "ROTATE_CCW",
    "ROTATE_CW",
    "SUBMIT",
]

NUM_COLOURS = 10

FILL = 0
FLOOD_FILL = 10
MOVE_UP = 20
MOVE_DOWN = 21
MOVE_LEFT = 22
MOVE_RIGHT = 23
ROTATE_CW = 24
ROTATE_CCW = 25
FLIP_H = 26
FLIP_V = 27
COPY = 28
PASTE = 29
CUT = 30
CLEAR = 31
COPY_INPUT = 32
RESIZE = 33
SUBMIT = 34

OPERATION_NAMES: tuple[str, ...] = (
    *(f"Fill {colour}" for colour in range(NUM_COLOURS)),
    *(f"Flood Fill {colour}" for colour in range(NUM_COLOURS)),
    "Move Up",
    "Move Down",
    "Move Left",
    "Move Right",
    "Rotate CW",
    "Rotate CCW",
    "Flip H",
    "Flip V",
    "Copy",
    "Paste",
    "Cut",
    "Clear",
    "Copy Input",
    "Resize",
    "Submit",
)

NUM_OPERATIONS = len(OPERATION_NAMES)
