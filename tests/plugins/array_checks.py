"""What jaxtyping's import hook applies to the package under test."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from beartype import beartype

__all__ = ["check_arrays"]

F = TypeVar("F", bound=Callable[..., object])

ARRAY = re.compile(r"\b(?:Array|ArrayLike|ndarray|PRNGKeyArray)\b")


def check_arrays(function: F) -> F:
    """Check the arguments and the result of a function that says what shapes its arrays have.

    Functions without arrays are left alone: what they refuse, and in which words, is theirs to decide.
    """
    annotations = getattr(function, "__annotations__", {})
    if any(ARRAY.search(str(annotation)) for annotation in annotations.values()):
        return beartype(function)
    return function
