"""Counting what a traced program holds and what JAX does with it, by JAX's public means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

__all__ = ["callback_operands", "counted_compiles"]


def callback_operands(program: ClosedJaxpr) -> list[int]:
    """Return the number of operands of every callback in a traced program, however deep it lies."""
    return [
        len(equation.invars)
        for equation in _equations(program.jaxpr)
        if "callback" in equation.primitive.name
    ]


def _equations(jaxpr: Jaxpr) -> Iterator[Any]:
    for equation in jaxpr.eqns:
        yield equation
        for inner in _programs(list(equation.params.values())):
            yield from _equations(inner)


def _programs(values: list[Any] | tuple[Any, ...]) -> Iterator[Jaxpr]:
    for value in values:
        if isinstance(value, ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _programs(value)


@contextmanager
def counted_compiles() -> Iterator[list[str]]:
    """Collect what JAX traces and compiles meanwhile, on any thread, as the names of its events."""
    seen: list[str] = []

    def listen(event: str, duration: float, **_: Any) -> None:
        if "compile" in event or "trace" in event:
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield seen
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
