"""ConfigDifference: in which settings, parameters and versions two runs differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxarc.rendering.text import escape

if TYPE_CHECKING:
    from jaxarc.replay.run_reader import RunReader

__all__ = ["ConfigDifference", "DifferentValue", "config_difference"]

_WIDEST = 60
_ENVIRONMENT = ("entrypoint", "argv", "hostname", "platform", "devices", "versions", "git")


@dataclass(frozen=True)
class DifferentValue:
    """One name whose values differ.

    Attributes:
        part: ``params``, ``config`` or ``environment``.
        key: its name, with dots between levels.
        a, b: its values; None where a run has none.
        in_a, in_b: whether each has one.
    """

    part: str
    key: str
    a: Any
    b: Any
    in_a: bool = True
    in_b: bool = True


@dataclass(frozen=True)
class ConfigDifference:
    """In what two runs differ; true where they do. Printed, it is a list.

    Attributes:
        names: what the two runs are called.
        values: what differs: parameters, then settings, then where they ran.
        compared: how many names were compared.
    """

    names: tuple[str, str]
    values: tuple[DifferentValue, ...]
    compared: int

    def __len__(self) -> int:
        return len(self.values)

    def __bool__(self) -> bool:
        return bool(self.values)

    def __iter__(self) -> Iterator[DifferentValue]:
        return iter(self.values)

    @property
    def heading(self) -> str:
        """What was compared, and how much of it differs."""
        differ = f"{len(self)} of {self.compared:,} differ" if self.values else f"all {self.compared:,} equal"
        return f"{self.names[0]} and {self.names[1]}: {differ}"

    def __str__(self) -> str:
        lines, part = [self.heading], ""
        width = max((len(each.key) for each in self.values), default=0)
        for each in self.values:
            if each.part != part:
                part = each.part
                lines.append(part)
            lines.append(
                f"  {each.key.ljust(width)}  {_shown(each.a, each.in_a)} → {_shown(each.b, each.in_b)}"
            )
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON; what a run has not is left out."""
        rows = []
        for each in self.values:
            row = {"part": each.part, "key": each.key}
            row |= {"a": each.a} if each.in_a else {}
            rows.append(row | ({"b": each.b} if each.in_b else {}))
        return {"a": self.names[0], "b": self.names[1], "compared": self.compared, "different": rows}

    def _repr_html_(self) -> str:
        from jaxarc.rendering.notebook_style import notebook_cell

        rows = ""
        for each in self.values:
            cells = (each.part, each.key, _shown(each.a, each.in_a), _shown(each.b, each.in_b))
            rows += "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        head = "".join(f"<th>{escape(name)}</th>" for name in ("", "name", *self.names))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        return notebook_cell(f"<h4>{escape(self.heading)}</h4>{table}")


def _shown(value: Any, is_there: bool) -> str:
    if not is_there:
        return "not there"
    words = repr(value)
    return words if len(words) <= _WIDEST else f"{words[: _WIDEST - 1]}…"


def config_difference(
    a: RunReader, b: RunReader, params: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> ConfigDifference:
    """Compare parameters, settings and surroundings of two runs.

    Args:
        a, b: the runs.
        params: the parameters of each.
    """
    parts = {
        "params": tuple(map(_flat, params)),
        "config": tuple(_flat(_settings(run)) for run in (a, b)),
        "environment": tuple(_flat({n: run.info.get(n) for n in _ENVIRONMENT}) for run in (a, b)),
    }
    values, compared = [], 0
    for part, (first, second) in parts.items():
        for key in dict.fromkeys([*first, *second]):
            compared += 1
            in_a, in_b = key in first, key in second
            if not (in_a and in_b and _same(first[key], second[key])):
                values.append(DifferentValue(part, key, first.get(key), second.get(key), in_a, in_b))
    return ConfigDifference((a.name, b.name), tuple(values), compared)


def _settings(run: RunReader) -> Any:
    """Return the resolved configuration of a run; nothing where it cannot be read."""
    try:
        return json.loads((run.run_dir / "config" / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}


def _flat(tree: Any, above: str = "") -> dict[str, Any]:
    """Return the leaves of nested mappings by their names, with dots between levels."""
    if not isinstance(tree, Mapping) or (above and not tree):
        return {above: tree} if above else {}
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= _flat(value, f"{above}.{name}" if above else str(name))
    return found


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, bool) != isinstance(b, bool):
        return False  # 1 and True are not the same, 1 and 1.0 are
    return a == b or (a != a and b != b)
