"""Evidence: what was recorded of an episode beside what a simulation makes of it, leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.hashing import leaf_hash
from jaxarc.records.layout import Field
from jaxarc.replay.programs import DESCRIBED_ROLES
from jaxarc.replay.recorded_tree import RecordedTree, flat_leaves
from jaxarc.replay.verification import Difference, Unproven, Verification

__all__ = ["Near", "is_float", "judged"]

_ORDER = ("state", "keyframe", "hash", *DESCRIBED_ROLES)


def judged(
    episode: EpisodeData, tree: RecordedTree, states: list[np.ndarray], said: dict[str, Any], near: Near
) -> Verification:
    """Compare an episode that was simulated again with everything that was recorded of it.

    Args:
        episode: the episode.
        tree: the structure of its states.
        states: leaves of the state that each step was reached with, [T+1, …].
        said: what is said of the steps, by role and path, [T, …].
        near: when floats count as the same.
    """
    compared: dict[str, int] = {}
    found: dict[tuple[str, str], _Compared] = {}
    described = list(_described(episode, said))
    leaves = [*_states(episode, tree, states), *described]
    for leaf in sorted(leaves, key=lambda leaf: _ORDER.index(leaf.evidence)):
        if leaf.num_compared:
            compared[leaf.evidence] = max(compared.get(leaf.evidence, 0), leaf.num_compared)
        found[leaf.evidence, leaf.path] = leaf
    differing = {name: leaf.differs(near) for name, leaf in found.items()}
    wrong = np.unique(np.concatenate([leaf.steps[differing[name]] for name, leaf in found.items()] or [[]]))
    differences: dict[str, Difference] = {}
    for name, leaf in found.items():
        rows = np.flatnonzero(differing[name])
        if len(rows) and int(leaf.steps[rows[0]]) == wrong[0] and leaf.path not in differences:
            differences[leaf.path] = leaf.difference(int(rows[0]), near)
    floats = {
        field.name: _judge(
            [leaf for (_, path), leaf in found.items() if path == field.name], resimulated, described, near
        )
        for field, resimulated in zip(tree.fields, states, strict=True)
        if is_float(resimulated.dtype)
    }
    inexact = [judged.last_value for judged in floats.values() if not judged.exact and not judged.doubtful]
    return Verification(
        episode=int(episode.row.episode),
        writer=int(episode.row.get("writer", 0)),
        total_steps=len(episode),
        num_leaves=len(tree.fields),
        compared=compared,
        differences=tuple(differences.values()),
        differing_steps=len(wrong),
        unproven=tuple(
            Unproven(path, judged.first_other_hash) for path, judged in floats.items() if judged.doubtful
        ),
        floats_exact=all(judged.exact for judged in floats.values()) if floats else None,
        last_float_step=min(inexact, default=None),
        rtol=near.rtol,
        atol=near.atol,
    )


class Near(NamedTuple):
    """When floats count as the same: within ``atol + rtol * |recorded|``, and 4 units in the last place."""

    rtol: float
    atol: float

    def differs(self, recorded: np.ndarray, resimulated: np.ndarray) -> np.ndarray:
        """Return which elements differ; floats by more than the tolerance."""
        if not is_float(recorded.dtype):
            return np.asarray(recorded != resimulated)
        wide = np.complex128 if recorded.dtype.kind == "c" else np.float64
        least = 4 * float(ml_dtypes.finfo(recorded.dtype).eps)
        values, expected = resimulated.astype(wide), recorded.astype(wide)
        near = np.isclose(values, expected, max(self.rtol, least), self.atol, equal_nan=True)
        return np.asarray(~near)


class _Compared(NamedTuple):
    """A leaf at the steps where it was recorded.

    Attributes:
        evidence, path: as in ``Difference``.
        steps: int64[n].
        recorded, resimulated: [n, …].
        hashed: the dtype of the leaf whose hashes these are, or None.
    """

    evidence: str
    path: str
    steps: np.ndarray
    recorded: np.ndarray
    resimulated: np.ndarray
    hashed: np.dtype | None = None

    @property
    def is_state(self) -> bool:
        return self.evidence in ("state", "keyframe", "hash")

    @property
    def is_float(self) -> bool:
        return is_float(self.recorded.dtype if self.hashed is None else self.hashed)

    @property
    def exact(self) -> bool:
        """Whether everything is the same, bit for bit."""
        return self.recorded.tobytes() == self.resimulated.tobytes()

    @property
    def num_compared(self) -> int:
        """How many steps are confirmed by it: where a simulation starts, it has made nothing yet."""
        if not self.is_state:
            return len(self.steps)
        if self.hashed is not None and self.is_float and not self.exact:
            return 0
        return int(np.count_nonzero(self.steps))

    def differs(self, near: Near) -> np.ndarray:
        """Return the steps at which the leaf differs, bool[n]."""
        if self.hashed is not None and is_float(self.hashed):
            return np.zeros(len(self.steps), bool)
        differing = near.differs(self.recorded, self.resimulated)
        return np.asarray(differing.any(axis=tuple(range(1, differing.ndim))))

    def difference(self, row: int, near: Near) -> Difference:
        recorded, resimulated = np.asarray(self.recorded[row]), np.asarray(self.resimulated[row])
        elements = np.argwhere(near.differs(recorded, resimulated))
        return Difference(
            step=int(self.steps[row]),
            path=self.path,
            evidence=self.evidence,
            recorded=recorded,
            resimulated=resimulated,
            index=tuple(int(i) for i in elements[0]),
            num_elements=len(elements),
        )


class _Judged(NamedTuple):
    """What is known of a float leaf of the states.

    Attributes:
        exact: whether everything recorded of it is the same, bit for bit.
        first_other_hash: the first step whose hash is not the recorded one, or -1.
        last_value: the last step that it was compared at by value, 0 if at none.
    """

    exact: bool
    first_other_hash: int
    last_value: int

    @property
    def doubtful(self) -> bool:
        """Whether hashes differ, and no value tells whether by rounding alone."""
        return self.first_other_hash >= 0 and self.last_value < max(self.first_other_hash, 1)


def _judge(
    leaves: list[_Compared], resimulated: np.ndarray, described: list[_Compared], near: Near
) -> _Judged:
    """Say what is known of a float leaf, where the evidence of states leaves a doubt by that of the steps."""
    judged = _Judged(
        exact=all(leaf.exact for leaf in leaves),
        first_other_hash=-1,
        last_value=max((int(leaf.steps[-1]) for leaf in leaves if leaf.hashed is None), default=0),
    )
    for leaf in leaves:
        if leaf.hashed is None:
            continue
        others = leaf.steps[leaf.recorded != leaf.resimulated]
        if len(others):
            judged = judged._replace(first_other_hash=int(others[0]))
            if judged.doubtful:
                judged = judged._replace(last_value=_last_value_in(described, leaf, resimulated, near))
    return judged


def _last_value_in(described: list[_Compared], hashed: _Compared, resimulated: np.ndarray, near: Near) -> int:
    """Return the last step whose state has this leaf's value in a part of the steps, 0 if none has.

    Its recorded hash is the proof that a recorded part (before the action, or after it) is this leaf.
    """
    last = 0
    for part in described:
        if (part.recorded.dtype, part.recorded.shape[1:]) != (resimulated.dtype, resimulated.shape[1:]):
            continue
        for delay in (0, 1):
            steps, rows, places = np.intersect1d(part.steps + delay, hashed.steps, return_indices=True)
            is_leaf = leaf_hash(part.recorded[rows], 1) == hashed.recorded[places]
            steps, values = steps[is_leaf], part.recorded[rows[is_leaf]]
            if len(steps) and not near.differs(values, resimulated[steps]).any():
                last = max(last, int(steps[-1]))
    return last


def is_float(dtype: np.dtype) -> bool:
    """Say whether a dtype is rounded."""
    if dtype.kind in "fc":
        return True
    return dtype.kind == "V" and not dtype.name.startswith(("int", "uint"))


def _states(episode: EpisodeData, tree: RecordedTree, states: list[np.ndarray]) -> Iterator[_Compared]:
    """Yield the leaves of the states that were recorded, and of those whose hashes were."""
    journal = episode.journal
    for evidence, known, steps, recorded_states in (
        ("state", episode.records_states, episode.step, lambda: episode.state),
        ("keyframe", journal.has("keyframe"), journal.keyframe_step, lambda: journal.keyframe),
    ):
        if known:
            leaves = tree.arrange(recorded_states())
            for field, recorded, resimulated in zip(tree.fields, leaves, states, strict=True):
                yield _Compared(evidence, field.name, steps, recorded, resimulated[steps])
    if journal.has("state_hash"):
        hashes = flat_leaves(journal.state_hash)
        for field, leaf in zip(tree.fields, states, strict=True):
            resimulated = leaf_hash(leaf[journal.step], 1)
            yield _Compared("hash", field.name, journal.step, hashes[field.path], resimulated, leaf.dtype)


def _described(episode: EpisodeData, said: dict[str, dict[Any, np.ndarray]]) -> Iterator[_Compared]:
    """Yield the leaves of the recorded steps that ``describe`` gives again."""
    for role, leaves in said.items():
        for steps, recorded in _recorded(episode, role):
            for path, resimulated in leaves.items():
                if path in recorded:
                    yield _Compared(
                        role, Field(role, path, "", ()).name, steps, recorded[path], resimulated[steps]
                    )


def _recorded(episode: EpisodeData, role: str) -> Iterator[tuple[np.ndarray, dict[Any, np.ndarray]]]:
    """Yield the steps and the leaves of what was recorded of a role, if it was."""
    everything = episode.journal.sources
    if role in ("reward", "metrics", "labels"):
        yield episode.journal.step, everything.scalars(role)
    elif role in ("terminated", "truncated", "success"):
        if role == "terminated" or everything.given(role):
            yield episode.journal.step, {(): everything.flag(role)}
    elif role == "next_observation":
        if episode.has("observation") and everything.given(role):
            yield episode.step, flat_leaves(episode.next_observation)
    elif episode.has(role):
        leaves = flat_leaves(getattr(episode, role))
        yield episode.step, {path: leaf[: len(episode.step)] for path, leaf in leaves.items()}
