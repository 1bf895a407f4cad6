"""What a run draws of a training's own state and metrics, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from jaxarc.config.rules import (
    RejectedError,
    boolean,
    checked,
    integer,
    listed,
    number,
    one_of,
    optional,
    shown,
    text,
)
from jaxarc.config.section import Section, plain_mapping, section

__all__ = ["BUILDERS", "ArtifactConfig", "Cadence"]

BUILDERS = ("fields", "curves")
"""Builders that go by a name."""

_HOOKS = ("start", "snapshot", "end")


@dataclass(frozen=True, kw_only=True)
class Cadence(Section):
    """When a builder is given a snapshot; any of these is reason enough.

    Attributes:
        every: at the first step that is handed over in each so many (0, 100, 200, …).
        every_s: when so many seconds have passed since the last one.
        first: at the first step that is handed over.
        last: when the run ends, with the final state or the last one that was handed over.
        on: names of events (``diagnostics`` is a value beyond its threshold); ``*`` is any.
    """

    key: ClassVar[str] = "artifacts.cadence"

    every: int | None = checked(None, optional(integer(1)))
    every_s: float | None = checked(None, optional(number(above=0.0)))
    first: bool = checked(True, boolean)
    last: bool = checked(True, boolean)
    on: Sequence[str] = checked(("diagnostics",), listed(text))


def _builders(value: Any) -> tuple[Any, ...]:
    """Accept names of builders, and objects that have a builder's hooks."""
    given = [value] if isinstance(value, str) or _is_builder(value) else value
    if isinstance(given, (Mapping, bytes)) or not hasattr(given, "__iter__"):
        raise RejectedError(f"must be a list of names and builders, got {shown(value)}")
    built = []
    for each in given:
        if isinstance(each, type) and _is_builder(each):
            raise RejectedError(f"takes builders, got the class {each.__name__}; make one: {each.__name__}()")
        built.append(each if _is_builder(each) else one_of(*BUILDERS)(each))
    return tuple(built)


def _is_builder(value: Any) -> bool:
    return all(callable(getattr(value, hook, None)) for hook in _HOOKS)


def _fields(value: Any) -> Any:
    """Accept a list of paths, a mapping from names to paths or functions, or one function."""
    if value is None or callable(value):
        return value
    if isinstance(value, Mapping):
        return {str(name): each if callable(each) else text(each) for name, each in value.items()}
    return listed(text)(value)


@dataclass(frozen=True, kw_only=True)
class ArtifactConfig(Section):
    """Pictures and pages that a RunContext makes while its loop goes on.

    Attributes:
        builders: ``fields`` (heat maps of the state), ``curves`` (of what ``log_step`` returned), and
            builders of yours.
        cadence: when those that go by a name draw; a builder of yours has its own.
        fields: what ``fields`` draws: paths in the state (``fluid.temperature``), names with paths or
            functions of the state, or one function that returns arrays by name; None for every
            two-dimensional array in it.
        png: whether they draw pictures (needs the extra ``plots``).
        html: whether they make a page to zoom and to browse in, which loads nothing (the same extra).
        video: whether the heat maps become a film at the end (needs the extra ``video``).
        max_files: the most pictures that a builder draws before the end of the run.
        strict: whether an exception in a builder ends the run; it is counted and told else.
        report: whether the run has its report (``report/index.html``) when it ends.
    """

    key: ClassVar[str] = "artifacts"

    builders: Sequence[Any] = checked(BUILDERS, _builders)
    cadence: Cadence = section(Cadence)
    fields: Sequence[str] | Mapping[str, str | Callable[..., Any]] | Callable[..., Any] | None = checked(
        None, _fields
    )
    png: bool = checked(True, boolean)
    html: bool = checked(True, boolean)
    video: bool = checked(False, boolean)
    max_files: int = checked(500, integer(0))
    strict: bool = checked(False, boolean)
    report: bool = checked(True, boolean)

    @classmethod
    def of(cls, value: Any = None) -> Self:
        """Turn what a user has into an ArtifactConfig: one, a mapping or a ``DictConfig``, nothing.

        Raises:
            ConfigError: with every problem.
        """
        return value if isinstance(value, cls) else cls.from_dict(plain_mapping(cls.key, value))
