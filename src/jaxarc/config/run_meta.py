"""What a training says of itself when its run begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from jaxarc.config.rules import RejectedError, checked, integer, listed, optional, shown, text
from jaxarc.config.section import Section, plain_mapping

__all__ = ["RunMeta"]


def _params(value: Any) -> Any:
    if isinstance(value, (str, bytes, list, tuple, int, float)):
        raise RejectedError(f"must be a mapping, a DictConfig or a dataclass, got {shown(value)}", {})
    return value


def _tags(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {text(name): each for name, each in value.items()}
    return listed(text)(value)


@dataclass(frozen=True, kw_only=True)
class RunMeta(Section):
    """What is known of a run beforehand.

    Attributes:
        name: what people call it; it begins the name of the run's directory. None for the time in UTC.
        experiment: what it belongs to; None for ``storage.experiment``.
        params: hyper-parameters and whatever else describes it, nested as you like.
        tags: names, or names with values.
        description: what it is for.
        parent_run_id: the run that it is a part of.
        total_steps: how many steps there will be; with it the run says how far it is.
        unit: what a step is called there.
    """

    key: ClassVar[str] = "run"

    name: str | None = checked(None, optional(text))
    experiment: str | None = checked(None, optional(text))
    params: Any = checked(None, optional(_params))
    tags: Sequence[str] | Mapping[str, Any] = checked((), _tags)
    description: str = checked("", lambda value: value and text(value))
    parent_run_id: str | None = checked(None, optional(text))
    total_steps: int | None = checked(None, optional(integer(1)))
    unit: str = checked("step", text)

    @classmethod
    def of(cls, value: Any = None) -> Self:
        """Turn what a user has into a RunMeta: one, a mapping or a ``DictConfig``, a name, nothing.

        Raises:
            ConfigError: with every problem.
        """
        if isinstance(value, str):
            return cls(name=value)
        return value if isinstance(value, cls) else cls.from_dict(plain_mapping(cls.key, value))
