"""Drawing functions such as a user writes, imported by name in the tests."""

from __future__ import annotations

from typing import Any

import numpy as np

not_a_function = 3


def pixels(observation: Any) -> np.ndarray:
    """Return a screen that is redder the larger the first number is."""
    first = float(np.ravel(observation)[0])
    return np.full((20, 30, 3), (min(int(first * 40), 255), 10, 10), np.uint8)


def script(observation: Any) -> str:
    """Return an SVG that would run a script if it were put into a page."""
    del observation
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" onload="alert(1)">'
        '<script>alert(1)</script><rect width="40" height="20" fill="#123456"/></svg>'
    )


def of_state(state: Any) -> Any:
    """Return a board of the state, read by attribute as an environment's state is."""
    return np.asarray(state.inner.board) + 1


def broken(observation: Any) -> Any:
    """Raise, as functions do."""
    del observation
    raise KeyError("no such sprite")
