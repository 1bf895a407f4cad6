"""What all configuration classes share: they check themselves, read mappings and write plain ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, ClassVar, Self, TypeVar

from jaxarc.config.rules import UNSET, RejectedError, Rule, shown, spell
from jaxarc.errors import ConfigError, ConfigProblem

__all__ = ["Section", "plain_mapping", "section", "section_rule"]

S = TypeVar("S", bound="Section")


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the configuration; a subclass declares its fields with rules.

    Construction checks every field and every combination, and raises one ``ConfigError`` with all
    that is wrong. Values take their final form on the way in: a list becomes a tuple.
    """

    key: ClassVar[str] = ""
    """Where the section stands in the configuration (``capture``); empty for the root."""

    def __post_init__(self) -> None:
        problems: list[ConfigProblem] = []
        for declared in fields(self):
            key = self.key_of(declared.name)
            rule: Rule = declared.metadata["rule"]
            try:
                object.__setattr__(self, declared.name, rule(getattr(self, declared.name)))
            except RejectedError as rejected:
                mended = default_of(declared) if rejected.instead is UNSET else rejected.instead
                override = rejected.override or f"{key}={spell(mended)}"
                problems.append(ConfigProblem(key, rejected.message, override))
            except ConfigError as error:
                problems.extend(error.problems)
        problems.extend(self.conflicts(frozenset(problem.key for problem in problems)))
        if problems:
            raise ConfigError(problems)

    def conflicts(self, rejected: frozenset[str]) -> Iterator[ConfigProblem]:
        """Yield what is wrong between fields; ``rejected`` holds the keys that are wrong by themselves."""
        yield from ()

    @classmethod
    def key_of(cls, name: str) -> str:
        """Return the full key of a field, as an override spells it."""
        return f"{cls.key}.{name}" if cls.key else name

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Build the section from a mapping; fields that it leaves out keep their defaults.

        Raises:
            ConfigError: with every unknown key, its closest known ones, and every value that is wrong.
        """
        known = {declared.name: declared for declared in fields(cls)}
        problems = [unknown_key(cls, str(name), mapping[name]) for name in mapping if name not in known]
        try:
            built = cls(**{name: value for name, value in mapping.items() if name in known})
        except ConfigError as error:
            raise ConfigError([*problems, *error.problems]) from None
        if problems:
            raise ConfigError(problems)
        return built

    def to_dict(self) -> dict[str, Any]:
        """Return the section as plain dicts, lists, text and numbers, ready for JSON."""
        return {declared.name: plain(getattr(self, declared.name)) for declared in fields(self)}


def section(cls: type[S]) -> S:
    """Declare a dataclass field that is a section itself; a mapping is read as one."""
    declared: Any = field(default_factory=cls, metadata={"rule": section_rule(cls)})
    return declared


def section_rule(cls: type[S]) -> Rule:
    """Accept a section, or a mapping of its fields."""

    def rule(value: Any) -> S:
        if isinstance(value, cls):
            return value
        if isinstance(value, Mapping):
            return cls.from_dict(value)
        names = ", ".join(declared.name for declared in fields(cls))
        raise RejectedError(f"must be a mapping of {names}, got {shown(value)}", {})

    return rule


def unknown_key(cls: type[Section], name: str, value: Any) -> ConfigProblem:
    """Say that a section has no such field, and which ones come closest."""
    names = [declared.name for declared in fields(cls)]
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    place = cls.key or "the configuration"
    key = cls.key_of(name)
    if not near:
        return ConfigProblem(key, f"unknown key; {place} has {', '.join(names)}", f"~{key}")
    mended = "..." if isinstance(value, Mapping) else spell(value)
    message = f"unknown key; did you mean {', '.join(near)}?"
    return ConfigProblem(key, message, f"{cls.key_of(near[0])}={mended}")


def default_of(declared: Any) -> Any:
    """Return the default of a dataclass field, in plain form."""
    if declared.default is not MISSING:
        return plain(declared.default)
    return plain(declared.default_factory())


def plain_mapping(key: str, value: Any) -> Mapping[str, Any]:
    """Return what a user gives for a section as a mapping: a mapping, a ``DictConfig``, nothing.

    Args:
        key: where the section stands, for the error.
        value: what is given.

    Raises:
        ConfigError: it is none of these.
    """
    if value is None:
        return {}
    if type(value).__module__.partition(".")[0] == "omegaconf":
        from jaxarc.config.hydra_bridge import plain_container

        value = plain_container(value)
    if not isinstance(value, Mapping):
        problem = f"must be a mapping, a DictConfig or None, got {shown(value)}"
        raise ConfigError([ConfigProblem(key, problem, f"{key}={{}}")])
    return value


def plain(value: Any) -> Any:
    """Return ``value`` in types that JSON knows."""
    if isinstance(value, Section):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value
