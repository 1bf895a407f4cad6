"""Verification: what re-simulating an episode, or a run, found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Difference", "RunVerification", "Unproven", "Verification"]

_SHOWN_LEAVES = 6
_SHOWN_EPISODES = 10
_NUMBER = re.compile(r"[0-9]+")


@dataclass(frozen=True, eq=False)
class Difference:
    """One leaf that is not what was recorded.

    Attributes:
        step: index of the step in its episode; a state is the one before the step's action.
        path: the leaf, as ``state.position`` or ``reward``.
        evidence: what it was compared with: ``state``, ``keyframe``, ``hash`` (of the state's leaf), or the
            part of the recorded step.
        recorded: the recorded value; for ``hash`` the recorded hash.
        resimulated: the value, or the hash, that re-simulation gives.
        index: the first element of the leaf that differs.
        num_elements: how many do.
    """

    step: int
    path: str
    evidence: str
    recorded: np.ndarray
    resimulated: np.ndarray
    index: tuple[int, ...]
    num_elements: int

    def __str__(self) -> str:
        if self.evidence == "hash":
            return (
                f"{self.path}: its recorded hash is {int(self.recorded):#010x}, re-simulated "
                f"{int(self.resimulated):#010x}"
            )
        at = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        size = np.size(self.recorded)
        more = f" ({self.num_elements} of {size} elements differ)" if size > 1 else ""
        was = "keyframe" if self.evidence == "keyframe" else "recorded"
        return (
            f"{self.path}{at}: {was} {self.recorded[self.index]!s}, re-simulated "
            f"{self.resimulated[self.index]!s}{more}"
        )


@dataclass(frozen=True)
class Unproven:
    """A float leaf whose hashes are not the recorded ones, with no recorded value that shows by how much.

    Attributes:
        path: the leaf, as ``state.velocity``.
        step: the first step whose hash is another.
    """

    path: str
    step: int

    def __str__(self) -> str:
        differ = f"hashes differ from step {self.step} on"
        return f"{self.path}: {differ} and no later value was recorded to compare with"


@dataclass(frozen=True, eq=False)
class Verification:
    """What re-simulating one episode found; true when it is confirmed: compared, and the same.

    It is false when something differs (``differences``), and also when that is not known: for the leaves in
    ``unproven``, and where nothing that the steps led to was recorded (``compared`` is empty).

    Attributes:
        episode: the episode's number.
        total_steps: steps that were taken again.
        num_leaves: leaves of a state.
        compared: how many steps were compared, by evidence; the state that the simulation starts from is none
            of them, and neither are hashes of floats that are not all the same.
        differences: leaves that differ at the first step where any does: the state's first, in tree order.
        differing_steps: how many steps have a leaf that differs.
        unproven: float leaves that may have been rounded otherwise, or be wrong.
        floats_exact: whether floats of the states were the same bit for bit as well, where that is known.
        last_float_step: the last step up to which all floats that were not the same bit for bit were compared
            by value; None without such floats.
        rtol, atol: floats may differ by ``atol + rtol * |recorded|``.
        writer: the process that recorded it.
    """

    episode: int
    total_steps: int
    num_leaves: int
    compared: Mapping[str, int]
    differences: tuple[Difference, ...]
    differing_steps: int
    unproven: tuple[Unproven, ...]
    floats_exact: bool | None
    last_float_step: int | None
    rtol: float
    atol: float
    writer: int = 0

    @property
    def ok(self) -> bool:
        """Whether everything that was recorded was compared, and nothing differs."""
        return bool(self.compared) and not self.differences and not self.unproven

    @property
    def says_something(self) -> bool:
        """Whether there was anything to compare with."""
        return bool(self.compared or self.differences or self.unproven)

    @property
    def step(self) -> int | None:
        """The first step at which something differs."""
        return self.differences[0].step if self.differences else None

    @property
    def path(self) -> str | None:
        """The first leaf that differs at this step, as ``state.position``."""
        return self.differences[0].path if self.differences else None

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        of_writer = f"p{self.writer:03d}-" if self.writer else ""
        name = f"episode {of_writer}{self.episode}"
        if self.differences:
            head = f"differs from step {self.step} of {self.total_steps} on, at {self.differing_steps} steps"
            return "\n".join([f"{name}: {head}", *_listed(self.differences, "leaves at this step")])
        taken = f"{name}: {self.total_steps} steps re-simulated"
        if self.unproven:
            head = f"{taken}, unproven: floats are other ones, by rounding or by more ({self._evidence})"
            return "\n".join([head, *_listed(self.unproven, "leaves"), f"  {self._way_out}"])
        if not self.compared:
            return f"{taken}, nothing that they led to was recorded; describe= compares what they say"
        return f"{taken}, nothing differs ({self._evidence})"

    @property
    def _evidence(self) -> str:
        by_count: dict[int, list[str]] = {}
        for evidence, count in self.compared.items():
            by_count.setdefault(count, []).append(evidence)
        parts = [f"{', '.join(kinds)} at {count} steps" for count, kinds in by_count.items()]
        if self.floats_exact:
            parts.append("floats bit for bit")
        elif self.last_float_step is not None:
            size = f"{self.atol:g} + {self.rtol:g} of their size"
            parts.append(f"floats within {size}, the last at step {self.last_float_step}")
        return "; ".join(parts) or "nothing else was compared"

    @property
    def _way_out(self) -> str:
        # So many steps apart, one keyframe at least lies between the first other hash and the end.
        apart = self.total_steps - max(1, *(leaf.step for leaf in self.unproven))
        keyframe_steps = 1 << (max(1, apart).bit_length() - 1)
        keyframes = f"more keyframes (capture.keyframe_steps={keyframe_steps})"
        return f"record {keyframes}, or every state (capture.level=full)"


def _listed(leaves: Sequence[object], what: str) -> list[str]:
    lines = [f"  {leaf}" for leaf in leaves[:_SHOWN_LEAVES]]
    more = len(leaves) - _SHOWN_LEAVES
    return [*lines, f"  and {more} more {what}"] if more > 0 else lines


@dataclass(frozen=True, eq=False)
class RunVerification:
    """What re-simulating the episodes of a run found; true when there are some and all are confirmed.

    Attributes:
        episodes: what was found of each episode that holds what re-simulation and comparing need.
        left_out: what each of the others lacks, by ``(writer, episode)``.
    """

    episodes: tuple[Verification, ...]
    left_out: Mapping[tuple[int, int], str]

    @property
    def ok(self) -> bool:
        """Whether some episodes were re-simulated and all of them are confirmed."""
        return bool(self.episodes) and all(self.episodes)

    @property
    def failed(self) -> tuple[Verification, ...]:
        """The episodes that differ."""
        return tuple(found for found in self.episodes if found.differences)

    @property
    def unproven(self) -> tuple[Verification, ...]:
        """The episodes in which nothing differs, with floats of which it is not known."""
        return tuple(found for found in self.episodes if found.unproven and not found.differences)

    @property
    def reasons(self) -> dict[str, list[tuple[int, int]]]:
        """Why episodes were left out: the words of the first of each kind, and the episodes of that kind."""
        kinds: dict[str, list[tuple[int, int]]] = {}
        first: dict[str, str] = {}
        for episode, reason in self.left_out.items():
            kind = _NUMBER.sub("#", reason)
            first.setdefault(kind, reason)
            kinds.setdefault(kind, []).append(episode)
        return {first[kind]: episodes for kind, episodes in kinds.items()}

    def __bool__(self) -> bool:
        return self.ok

    def __len__(self) -> int:
        return len(self.episodes)

    def __iter__(self) -> Iterator[Verification]:
        return iter(self.episodes)

    def __str__(self) -> str:
        steps = sum(found.total_steps for found in self.episodes)
        counts = (len(self.failed), "differ"), (len(self.unproven), "unproven")
        verdict = ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing differs"
        lines = [f"{len(self)} episodes, {steps} steps re-simulated: {verdict}"]
        shown = [*self.failed, *self.unproven]
        lines += [str(found) for found in shown[:_SHOWN_EPISODES]]
        if len(shown) > _SHOWN_EPISODES:
            lines.append(f"and {len(shown) - _SHOWN_EPISODES} more episodes")
        lines += [f"{len(episodes)} episodes left out: {reason}" for reason, episodes in self.reasons.items()]
        return "\n".join(lines)
