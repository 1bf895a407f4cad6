"""Verification: what re-simulating an episode, or a run, found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["Difference", "RunVerification", "Verification"]

_SHOWN_LEAVES = 6
_SHOWN_EPISODES = 10


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


@dataclass(frozen=True, eq=False)
class Verification:
    """What re-simulating one episode found; true when nothing differs.

    Attributes:
        episode: the episode's number.
        total_steps: steps that were taken again.
        num_leaves: leaves of a state.
        compared: how many steps were compared, by evidence.
        differences: leaves that differ at the first step where any does: the state's first, in tree order.
        differing_steps: how many steps have a leaf that differs.
        floats_exact: whether floats of the states were the same bit for bit as well, where that is known.
        rtol, atol: floats may differ by ``atol + rtol * |recorded|``.
    """

    episode: int
    total_steps: int
    num_leaves: int
    compared: Mapping[str, int]
    differences: tuple[Difference, ...]
    differing_steps: int
    floats_exact: bool | None
    rtol: float
    atol: float

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

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
        name = f"episode {self.episode}"
        if self.ok:
            by_count: dict[int, list[str]] = {}
            for evidence, count in self.compared.items():
                by_count.setdefault(count, []).append(evidence)
            compared = "; ".join(f"{', '.join(kinds)} at {count} steps" for count, kinds in by_count.items())
            floats = {
                None: "",
                True: "; floats bit for bit",
                False: f"; floats within {self.atol:g} + {self.rtol:g} of their size",
            }[self.floats_exact]
            return f"{name}: {self.total_steps} steps re-simulated, nothing differs ({compared}{floats})"
        lines = [
            f"{name}: differs from step {self.step} of {self.total_steps} on, at {self.differing_steps} steps"
        ]
        lines += [f"  {difference}" for difference in self.differences[:_SHOWN_LEAVES]]
        if len(self.differences) > _SHOWN_LEAVES:
            lines.append(f"  and {len(self.differences) - _SHOWN_LEAVES} more leaves at this step")
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class RunVerification:
    """What re-simulating the episodes of a run found; true when some were re-simulated and none differs.

    Attributes:
        episodes: what was found of each episode that holds what re-simulation needs.
        left_out: why each of the others could not be re-simulated, by ``(writer, episode)``.
    """

    episodes: tuple[Verification, ...]
    left_out: Mapping[tuple[int, int], str]

    @property
    def ok(self) -> bool:
        """Whether some episodes were re-simulated and none of them differs."""
        return bool(self.episodes) and all(self.episodes)

    @property
    def failed(self) -> tuple[Verification, ...]:
        """The episodes that differ."""
        return tuple(found for found in self.episodes if not found)

    def __bool__(self) -> bool:
        return self.ok

    def __len__(self) -> int:
        return len(self.episodes)

    def __iter__(self) -> Iterator[Verification]:
        return iter(self.episodes)

    def __str__(self) -> str:
        steps = sum(found.total_steps for found in self.episodes)
        verdict = f"{len(self.failed)} differ" if self.failed else "nothing differs"
        lines = [f"{len(self)} episodes, {steps} steps re-simulated: {verdict}"]
        lines += [str(found) for found in self.failed[:_SHOWN_EPISODES]]
        if len(self.failed) > _SHOWN_EPISODES:
            lines.append(f"and {len(self.failed) - _SHOWN_EPISODES} more episodes")
        if self.left_out:
            lines.append(f"{len(self.left_out)} episodes left out: {next(iter(self.left_out.values()))}")
        return "\n".join(lines)
