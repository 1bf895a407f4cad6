"""Rules for one configuration value: each takes a value, and returns it in its final form or rejects it.

A rule never guesses: a word where a number belongs is refused, not converted, and so are NaN and a
boolean that stands for a number.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from difflib import get_close_matches
from typing import Any, TypeVar

__all__ = [
    "RejectedError",
    "Rule",
    "boolean",
    "checked",
    "import_path",
    "integer",
    "listed",
    "number",
    "one_of",
    "optional",
    "path_part",
    "spell",
    "text",
]

Rule = Callable[[Any], Any]
T = TypeVar("T")

MAX_NAME_BYTES = 100
UNSET: Any = object()
PLAIN_WORD = re.compile(r"[A-Za-z_][\w.:/-]*")
IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
RESERVED_WORDS = {"null", "true", "false", "nan", "inf"}


class RejectedError(ValueError):
    """A value that breaks a rule.

    Attributes:
        message: what is wrong, with the value and the limit.
        instead: a value that would pass; left out, the field's default is suggested.
        override: an override that mends it, where that is not the same key with another value.
    """

    def __init__(self, message: str, instead: Any = UNSET, *, override: str | None = None):
        self.message = message
        self.instead = instead
        self.override = override
        super().__init__(message)


def checked(default: T, rule: Rule) -> T:
    """Declare a dataclass field with a default and the rule that its values obey."""
    declared: Any = field(default=default, metadata={"rule": rule})
    return declared


def shown(value: Any) -> str:
    """Return ``value`` as an error message shows it, cut where it is long."""
    words = repr(value)
    return words if len(words) <= 80 else f"{words[:77]}..."


def spell(value: Any) -> str:
    """Return ``value`` as the right-hand side of a Hydra override."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{spell(item)}" for name, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(spell(item) for item in value) + "]"
    words = str(value)
    if PLAIN_WORD.fullmatch(words) and words.lower() not in RESERVED_WORDS:
        return words
    escaped = words.replace("'", "\\'")
    return f"'{escaped}'"


def boolean(value: Any) -> bool:
    """Accept true and false, and nothing that merely resembles them."""
    if not isinstance(value, bool):
        raise RejectedError(f"must be true or false, got {shown(value)}")
    return value


def integer(minimum: int, maximum: int | None = None) -> Rule:
    """Accept whole numbers from ``minimum`` to ``maximum``, both included."""
    limit = f"at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def rule(value: Any) -> int:
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise RejectedError(f"must be a whole number {limit}, got {shown(value)}")
        whole = int(value.__index__())
        if whole < minimum:
            raise RejectedError(f"must be {limit}, got {whole}", minimum)
        if maximum is not None and whole > maximum:
            raise RejectedError(f"must be {limit}, got {whole}", maximum)
        return whole

    return rule


def number(minimum: float | None = None, above: float | None = None, maximum: float | None = None) -> Rule:
    """Accept finite numbers, at least ``minimum``, more than ``above`` or at most ``maximum`` where given."""
    if maximum is not None and above is not None:
        limit = f" above {above:g} and of at most {maximum:g}"
    elif maximum is not None:
        limit = f" of at most {maximum:g}"
    elif minimum is not None:
        limit = f" of at least {minimum:g}"
    elif above is not None:
        limit = f" above {above:g}"
    else:
        limit = ""

    def rule(value: Any) -> float:
        if isinstance(value, (bool, str)) or not hasattr(value, "__float__"):
            raise RejectedError(f"must be a number{limit}, got {shown(value)}")
        real = float(value)
        if not math.isfinite(real):
            raise RejectedError(f"must be a finite number{limit}, got {real}")
        if minimum is not None and real < minimum:
            raise RejectedError(f"must be a number{limit}, got {real:g}", float(minimum))
        if maximum is not None and real > maximum:
            raise RejectedError(
                f"must be a number{limit}, got {real:g}",
                float(maximum) if above is not None else min(-real, float(maximum)),
            )
        if above is not None and real <= above:
            raise RejectedError(f"must be a number{limit}, got {real:g}")
        return real

    return rule


def one_of(*choices: str, fold: Callable[[str], str] = str) -> Rule:
    """Accept one of a few words; ``fold`` brings a word to the case of the choices first."""

    def rule(value: Any) -> str:
        word = fold(value) if isinstance(value, str) else value
        if not isinstance(word, str) or word not in choices:
            # YAML reads a bare off as false.
            instead = "off" if value is False and "off" in choices else UNSET
            if isinstance(word, str) and (near := get_close_matches(word, choices, n=1, cutoff=0.5)):
                instead = near[0]
            raise RejectedError(f"must be one of {', '.join(choices)}, got {shown(value)}", instead)
        return word

    return rule


def text(value: Any) -> str:
    """Accept words, and paths as words; a whole number counts as its digits."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise RejectedError(f"must be text, got {shown(value)}; put quotes around it")
    if not value.strip():
        raise RejectedError(f"must not be empty, got {shown(value)}")
    if "\0" in value:
        raise RejectedError(f"must not contain a NUL character, got {shown(value)}")
    return value


def path_part(value: Any) -> str:
    """Accept a name that stays inside its parent directory, whatever the user typed."""
    name = text(value)
    if "/" in name or "\\" in name:
        raise RejectedError(f"must be one name without a path separator, got {shown(name)}", tamed(name))
    if name.startswith(".") or ".." in name:
        raise RejectedError(
            f"must neither start with a dot nor contain two in a row, got {shown(name)}", tamed(name)
        )
    if not name.isprintable() or name != name.strip():
        raise RejectedError(
            f"must hold printable characters only and no space at either end, got {shown(name)}", tamed(name)
        )
    num_bytes = len(name.encode("utf-8"))
    if num_bytes > MAX_NAME_BYTES:
        raise RejectedError(f"must be at most {MAX_NAME_BYTES} bytes long, got {num_bytes}", tamed(name))
    return name


def import_path(value: Any) -> str:
    """Accept where a function is imported from, as ``package.module:function``."""
    path = text(value)
    if IMPORT_PATH.fullmatch(path) is None:
        module, dot, name = path.rpartition(".")
        mended = f"{module}:{name}" if dot and IMPORT_PATH.fullmatch(f"{module}:{name}") else UNSET
        raise RejectedError(
            f"must be module:function, such as my_env.pictures:render, got {shown(path)}", mended
        )
    return path


def tamed(name: str) -> str:
    """Return the nearest name that ``path_part`` accepts."""
    words = [word for word in re.split(r"[^A-Za-z0-9_.-]+", name) if word.strip(".")]
    tame = re.sub(r"\.{2,}", ".", "-".join(words)).strip(".")[:MAX_NAME_BYTES].strip(".")
    return tame or "run"


def optional(rule: Rule) -> Rule:
    """Accept nothing at all, or what ``rule`` accepts."""
    return lambda value: None if value is None else rule(value)


def listed(rule: Rule, *, minimum: int = 0, unique: bool = True) -> Rule:
    """Accept a list of values that ``rule`` accepts, as a tuple; a single word counts as a list of one."""

    def whole(value: Any) -> tuple[Any, ...]:
        if isinstance(value, str):
            value = (value,)
        if isinstance(value, (Mapping, bytes)) or not hasattr(value, "__iter__"):
            raise RejectedError(f"must be a list, got {shown(value)}")
        given = list(value)
        items = []
        for index, item in enumerate(given):
            try:
                items.append(rule(item))
            except RejectedError as rejected:
                entry = f"entry {index} " if len(given) > 1 else ""
                mended = rejected.instead
                if mended is not UNSET:
                    mended = [*given[:index], mended, *given[index + 1 :]]
                raise RejectedError(f"{entry}{rejected.message}", mended) from None
        if len(items) < minimum:
            raise RejectedError(f"must hold at least {minimum}, got an empty list")
        repeated = sorted({str(item) for item in items if items.count(item) > 1})
        if unique and repeated:
            raise RejectedError(f"must not name {', '.join(repeated)} twice", tuple(dict.fromkeys(items)))
        return tuple(items)

    return whole
