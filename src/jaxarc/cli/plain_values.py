"""What is typed as numbers, paths and words, without the import that a validation library would cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import typer

__all__ = ["cast_plainly"]


def cast_plainly(parameters: Iterable[Any]) -> None:
    """Let parameters of plain types be cast here, where this typer would import pydantic for it.

    That import takes half of the time that opening a run may take. Parameters of other types, and those of
    a typer that casts by itself, stay as they are.
    """
    for parameter in parameters:
        descriptor = getattr(parameter, "type_descriptor", None)
        if descriptor is None or not hasattr(parameter, "get_runtime_param"):
            continue
        cast = _CASTS.get(_without_none(descriptor.annotation))
        if cast is not None:
            limits = (getattr(descriptor.parameter_info, limit, None) for limit in ("min", "max"))
            parameter.process_value = partial(_process, parameter, cast, *limits)


def _without_none(annotation: Any) -> Any:
    kinds = [kind for kind in getattr(annotation, "__args__", ()) if kind is not type(None)]
    return kinds[0] if len(kinds) == 1 and annotation != list[kinds[0]] else annotation


def _process(
    parameter: Any,
    cast: Callable[[Any], Any],
    least: float | None,
    most: float | None,
    context: Any,
    value: Any,
) -> Any:
    if value is None or value in ((), []):
        if parameter.required and not context.resilient_parsing:
            return type(parameter).process_value(parameter, context, value)  # says what is missing
        value = () if parameter.nargs == -1 or parameter.multiple else None
    else:
        try:
            value = cast(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=context, param=parameter) from None
        for limit, word, broken in ((least, "least", False), (most, "most", True)):
            if limit is not None and ((value > limit) if broken else (value < limit)):
                raise typer.BadParameter(
                    f"must be at {word} {limit:g}, got {value:g}", ctx=context, param=parameter
                )
    return value if parameter.callback is None else parameter.callback(context, parameter, value)


def _whole(value: Any) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"must be a whole number, got {value!r}") from None


def _real(value: Any) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise ValueError(f"must be a number, got {value!r}")
    return number


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"takes no value, got {value!r}")


_CASTS: dict[Any, Callable[[Any], Any]] = {
    str: str,
    int: _whole,
    float: _real,
    bool: _truth,
    Path: Path,
    list[str]: list,
}
