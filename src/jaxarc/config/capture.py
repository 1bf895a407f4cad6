"""What is captured: levels, environments, kept episodes, and how they differ by stream."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from jaxarc.config.frozen_mapping import FrozenMapping
from jaxarc.config.keep import KeepRule, keep_rule_text, parse_keep_rule
from jaxarc.config.rules import RejectedError, checked, integer, listed, number, one_of, optional, shown
from jaxarc.config.section import Section
from jaxarc.errors import ConfigError, ConfigProblem

__all__ = ["JOURNALS", "LEVELS", "CaptureConfig", "StreamCapture", "StreamConfig"]

LEVELS = ("off", "minimal", "standard", "verbose", "full")
JOURNALS = ("off", "selected", "all")

STREAM_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")


def selected_envs(value: Any) -> int | tuple[int, ...]:
    """Accept a number of environments, or the ids of some."""
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return integer(1)(value)
    if isinstance(value, (bool, float, str)) or not hasattr(value, "__iter__"):
        raise RejectedError(f"must be a number of environments or a list of ids, got {shown(value)}")
    return tuple(sorted(listed(integer(0), minimum=1)(value)))


level_rule = one_of(*LEVELS)
journal_rule = one_of(*JOURNALS)
keep_rules = listed(keep_rule_text, minimum=1)


@dataclass(frozen=True, kw_only=True)
class StreamConfig(Section):
    """What one stream captures differently; a field that is None follows ``capture``.

    Attributes:
        level: amount of data of this stream.
        envs: environments whose steps are captured, as a count or as ids.
        keep: rules by which episodes of this stream are kept.
        journal: environments of this stream whose journal is captured.
    """

    key: ClassVar[str] = "capture.streams.STREAM"

    level: str | None = checked(None, optional(level_rule))
    envs: int | tuple[int, ...] | None = checked(None, optional(selected_envs))
    keep: Sequence[str] | None = checked(None, optional(keep_rules))
    journal: str | None = checked(None, optional(journal_rule))

    @classmethod
    def of_stream(cls, name: str, value: Any) -> Self:
        """Read the configuration of the stream ``name``; errors carry its key."""
        key = f"capture.streams.{name}"
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            names = ", ".join(declared.name for declared in fields(cls))
            problem = f"must be a mapping of {names}, got {shown(value)}"
            raise ConfigError([ConfigProblem(key, problem, f"{key}.level=full")])
        try:
            return cls.from_dict(value)
        except ConfigError as error:
            raise ConfigError(
                [
                    ConfigProblem(
                        problem.key.replace(cls.key, key),
                        problem.message.replace(cls.key, key),
                        problem.override.replace(cls.key, key),
                    )
                    for problem in error.problems
                ]
            ) from None


def stream_configs(value: Any) -> FrozenMapping[StreamConfig]:
    """Accept a mapping from stream names to what those streams capture differently."""
    if not isinstance(value, Mapping):
        raise RejectedError(
            f"must be a mapping from stream names to their level, envs, keep and journal, got {shown(value)}"
        )
    streams: dict[str, StreamConfig] = {}
    problems: list[ConfigProblem] = []
    for name, stream in value.items():
        if not isinstance(name, str) or not STREAM_NAME.fullmatch(name):
            raise RejectedError(
                "must name streams with letters, digits, _ and -, starting with a letter, at most 100 long,"
                f" got {shown(name)}",
                {},
            )
        try:
            streams[name] = StreamConfig.of_stream(name, stream)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return FrozenMapping(streams)


@dataclass(frozen=True)
class StreamCapture:
    """What a stream captures, with nothing left to inherit.

    Attributes:
        level: one of ``LEVELS``.
        envs: a count to be spread evenly over the environments, or ascending ids.
        keep: an episode is kept when any of these rules keeps it.
        journal: one of ``JOURNALS``.
    """

    level: str
    envs: int | tuple[int, ...]
    keep: tuple[KeepRule, ...]
    journal: str


@dataclass(frozen=True, kw_only=True)
class CaptureConfig(Section):
    """What crosses from the program to the host, and what of it is stored.

    Attributes:
        level: amount of data, from ``off`` (nothing crosses) to ``full`` (states as well).
        envs: environments whose steps are captured: a count spread evenly, or a list of ids. Scalars
            of every environment are captured whatever this says.
        keep: rules by which finished episodes are kept; one that any rule keeps is kept.
        key_steps: the most steps that level ``standard`` stores of one episode.
        key_delta: a reward or a metric that moved by more than this makes a step a key step.
        journal: environments whose journal is captured, whatever the level stores besides: ``off`` (none),
            ``selected`` (those of ``envs``) or ``all``. A journal holds the action and the key of every step,
            one number for each leaf of the state, and some states whole: an episode can be simulated again.
        keyframe_steps: steps of a scan from one whole state of the journal to the next; the first state of an
            episode is always there.
        window: steps before every ``mark`` that are stored with it, whatever ``keep`` and ``key_steps`` say.
        chunk_bytes: the most bytes of selected environments' steps that cross to the host in one callback,
            where one step is smaller; up to twice as many where a scan would end in one chunk and a
            remainder, and more where episodes are so short that nothing can be left out. The scalars and the
            journal of all environments may take 16 times as many.
        assembler_bytes: memory for the steps of episodes that are not finished yet; past it they go to disk
            early, and nothing is lost.
        budget: the most that recording may take of the wall time, as a share; above it, episodes that begin
            lose their steps and keep their row. None sets no limit.
        streams: what single streams do differently, by name.
    """

    key: ClassVar[str] = "capture"

    level: str = checked("standard", level_rule)
    envs: int | tuple[int, ...] = checked(4, selected_envs)
    keep: Sequence[str] = checked(("all",), keep_rules)
    key_steps: int = checked(16, integer(2))
    key_delta: float = checked(0.05, number(minimum=0.0))
    journal: str = checked("off", journal_rule)
    keyframe_steps: int = checked(64, integer(1))
    window: int = checked(0, integer(0))
    chunk_bytes: int = checked(1_000_000, integer(1))
    assembler_bytes: int = checked(256_000_000, integer(1))
    budget: float | None = checked(None, optional(number(above=0.0, maximum=1.0)))
    streams: Mapping[str, StreamConfig] = checked(FrozenMapping(), stream_configs)

    def conflicts(self, rejected: frozenset[str]) -> Iterator[ConfigProblem]:
        """Yield sizes that contradict each other."""
        sizes = {"capture.chunk_bytes", "capture.assembler_bytes"}
        if not sizes & rejected and self.assembler_bytes < self.chunk_bytes:
            yield ConfigProblem(
                "capture.assembler_bytes",
                "must be at least capture.chunk_bytes, since a chunk is taken in whole,"
                f" got {self.assembler_bytes} and {self.chunk_bytes}",
                f"capture.assembler_bytes={self.chunk_bytes}",
            )

    def for_stream(self, name: str) -> StreamCapture:
        """Return what the stream ``name`` captures, inherited fields filled in."""
        stream = self.streams.get(name, StreamConfig())
        keep = self.keep if stream.keep is None else stream.keep
        return StreamCapture(
            level=self.level if stream.level is None else stream.level,
            envs=self.envs if stream.envs is None else stream.envs,
            keep=tuple(parse_keep_rule(rule) for rule in keep),
            journal=self.journal if stream.journal is None else stream.journal,
        )
