"""Overrides are checked one by one before Hydra composes, so that all that are wrong are named at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from importlib.resources import files
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from jaxarc.config.root import Config
from jaxarc.config.rules import shown, spell
from jaxarc.errors import ConfigProblem

__all__ = ["checked_overrides", "default_values"]

OPEN_KEYS = ("capture.streams", "logging.gates")
LEVEL_ALIAS = "visualization.debug_level"
GROUPS = ("env", "capture", "pipeline", "visualization", "logging", "storage", "rollout")


def checked_overrides(overrides: Sequence[str]) -> tuple[list[str], list[ConfigProblem]]:
    """Sort overrides into those that Hydra can apply and problems with the others."""
    sound: list[str] = []
    problems: list[ConfigProblem] = []
    parser = OverridesParser.create()
    for words in overrides:
        try:
            [override] = parser.parse_overrides([words])
        except HydraException as error:
            problems.append(syntax_problem(words, str(error)))
            continue
        found = list(problems_of(override))
        problems.extend(found)
        if not found:
            sound.append(applicable(words, override))
    return sound, problems


def options_of(group: str) -> list[str]:
    """Return the names of the files of a config group."""
    folder = files("jaxarc.conf").joinpath(group)
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def default_values() -> dict[str, Any]:
    """Return the default of every key that an override can set, by its full name."""
    return {**flattened(Config().to_dict()), LEVEL_ALIAS: "standard"}


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the nodes of nested mappings by their dotted names, leaves and mappings alike."""
    nodes: dict[str, Any] = {}
    for name, value in tree.items():
        nodes[f"{prefix}{name}"] = value
        if isinstance(value, Mapping):
            nodes.update(flattened(value, f"{prefix}{name}."))
    return nodes


def problems_of(override: Override) -> Iterator[ConfigProblem]:
    """Yield what is wrong with one override, as far as its key and its kind go."""
    key = override.key_or_group
    if override.package is not None:
        problem = "takes no package here; packages belong to an application that mounts this configuration"
        yield ConfigProblem(f"{key}@{override.package}", problem, f"{key}={override.get_value_string()}")
    elif override.is_sweep_override():
        first = next(iter(override.sweep_string_iterator()), "...")
        problem = f"must be one value, got the sweep {override.get_value_string()}"
        yield ConfigProblem(key, problem, f"{key}={first}")
    elif key in GROUPS:
        yield from option_problems(key, override)
    elif not is_open(key):
        known = default_values()
        if key not in known:
            yield unknown_override(key, override, known)


def option_problems(group: str, override: Override) -> Iterator[ConfigProblem]:
    """Yield a problem when a group is asked for a file that it does not have."""
    value = override.value()
    options = options_of(group)
    if override.is_delete() or isinstance(value, Mapping) or value in options:
        return
    best = get_close_matches(str(value), options, n=1, cutoff=0.0)[0]
    yield ConfigProblem(group, f"has no option {shown(value)}, only {', '.join(options)}", f"{group}={best}")


def unknown_override(key: str, override: Override, known: Mapping[str, Any]) -> ConfigProblem:
    """Say that no such key exists, and which ones come closest."""
    near = nearest_keys(key, known)
    if not near:
        mended = f"{GROUPS[0]}={options_of(GROUPS[0])[0]}"
        return ConfigProblem(key, f"unknown key; the groups are {', '.join(GROUPS)}", mended)
    mended = f"~{near[0]}" if override.is_delete() else f"{near[0]}={override.get_value_string()}"
    return ConfigProblem(key, f"unknown key; did you mean {', '.join(near)}?", mended)


def nearest_keys(key: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return the known keys most like ``key``, by the whole of it or by its last part."""

    def likeness(name: str) -> float:
        whole = SequenceMatcher(None, key, name).ratio()
        last = SequenceMatcher(None, key.rpartition(".")[2], name.rpartition(".")[2]).ratio()
        return max(whole, last * 0.99)

    ranked = sorted(known, key=likeness, reverse=True)
    return [name for name in ranked if likeness(name) >= 0.6][:count]


def syntax_problem(words: str, error: str) -> ConfigProblem:
    """Say why Hydra's grammar refuses an override, and spell it in quotes."""
    key, equals, value = words.lstrip("+~").partition("=")
    key = key.strip() or "config"
    skipped = ("See ", "Error parsing")
    reason = next((line for line in error.splitlines() if line and not line.startswith(skipped)), "no value")
    if not equals:
        default = default_values().get(key, "...")
        return ConfigProblem(key, f"must be spelled key=value, got {shown(words)}", f"{key}={spell(default)}")
    quoted = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return ConfigProblem(key, f"not an override in Hydra's grammar: {reason}", f"{key}={quoted}")


def is_open(key: str) -> bool:
    """Return whether a key is one below which people give names of their own."""
    return any(key == name or key.startswith(f"{name}.") for name in OPEN_KEYS)


def applicable(words: str, override: Override) -> str:
    """Return the override so that Hydra takes keys that the files do not spell out, such as streams."""
    if override.is_delete():
        return words
    key, words = override.key_or_group, words.lstrip("+")
    opens = is_open(key) or isinstance(override.value(), Mapping)
    return f"++{words}" if opens else words
