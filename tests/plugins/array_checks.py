"""What checks the package under test: shapes where a function says that it takes arrays, and nowhere else."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import jaxtyping
from beartype import beartype

__all__ = ["check_arrays", "check_arrays_in"]

ARRAY = re.compile(r"\b(?:Array|ArrayLike|ndarray|PRNGKeyArray)\b")


def _says_arrays(function: Any) -> bool:
    """Return whether a function, method, property or dataclass says what shapes its arrays have."""
    if isinstance(function, classmethod | staticmethod):
        function = function.__func__
    if isinstance(function, property):
        return any(_says_arrays(part) for part in (function.fget, function.fset) if part is not None)
    if isinstance(function, type):
        return dataclasses.is_dataclass(function) and _says_arrays(function.__init__)
    annotations = getattr(function, "__annotations__", {})
    return any(ARRAY.search(str(annotation)) for annotation in annotations.values())


def check_arrays(function: Any) -> Any:
    """Check the arguments and the result of a function that says what shapes its arrays have.

    Functions without arrays are left alone: what they refuse, and in which words, is theirs to decide.
    """
    return beartype(function) if _says_arrays(function) else function


def check_arrays_in(package: str) -> None:
    """Check every function of a package that says what shapes its arrays have, once it is imported.

    jaxtyping wraps every function that its hook meets, which costs more than the checks: here a function
    without arrays stays what it is.
    """
    wrapped = jaxtyping.jaxtyped

    def jaxtyped(*, typechecker: Any) -> Callable[[Any], Any]:
        wrap = wrapped(typechecker=typechecker)
        return lambda function: wrap(function) if _says_arrays(function) else function

    jaxtyping.jaxtyped = jaxtyped
    jaxtyping.install_import_hook(package, "array_checks.check_arrays")
