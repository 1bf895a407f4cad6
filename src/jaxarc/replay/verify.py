"""verify: is an episode what its environment makes of its actions?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from jaxarc.capture import Step
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.hashing import leaf_hash
from jaxarc.records.layout import Field
from jaxarc.replay.recorded_tree import flat_leaves, leaves_by_path
from jaxarc.replay.resimulation import DESCRIBED_ROLES, Simulation, recorded_states, simulation_of
from jaxarc.replay.verification import Difference, Unproven, Verification

__all__ = ["verify"]

_RESTART_STEPS = 64
"""Floats drift apart between compiled programs: their states are taken up again at keyframes so far apart."""

_ORDER = ("state", "keyframe", "hash", *DESCRIBED_ROLES)


def verify(
    episode: EpisodeData,
    step_fn: Any,
    *,
    like: Any = None,
    like_action: Any = None,
    describe: Callable[..., Step] | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> Verification:
    """Re-simulate an episode and compare every step with everything that was recorded of it.

    Integers, booleans and PRNG keys of the states must be the recorded ones at every step: by value at level
    ``full``, by hash with a journal. Floats must be near the recorded ones, at keyframes and wherever their
    values were recorded: two compiled programs don't round alike, so another hash is no difference. But it
    is no confirmation either. Where all hashes of a float leaf are the recorded ones, it is the same bit for
    bit. Where they are not, a value from the first other hash on must be near: a keyframe, a state of level
    ``full``, or, with ``describe``, a part of the steps that the hashes show to be this leaf (such as metrics
    that hold the velocity of the state). Without such a value the leaf is ``unproven``, and the episode not
    confirmed. What follows the last value can't be told from rounding; the verification names its step.

    The state that the simulation starts from is recorded, so it is counted nowhere as compared; that it fits
    its own hash is looked at all the same. A state with floats is taken up again from the recording every 64
    steps or more, where it has a keyframe, once it was compared with it.

    Args:
        episode: an episode of a run.
        step_fn: as for `resimulate`: the step of one environment, or an environment.
        like: as for `resimulate`: an example of a state.
        like_action: as for `resimulate`: an example of an action.
        describe: ``describe(state, action, what step_fn returned)`` gives the Step that the program recorded;
            then observations, rewards, flags, metrics, labels and info are compared as well, the result of
            the last action with them. For `ArcEnv` and `AutoReset`, `arc_step` does it by itself.
        rtol: floats may differ by this share of the recorded value; at least 4 units in its last place.
        atol: and by this much besides.

    Raises:
        NotRecordedError: the recording has no first state, or lacks an action or a key.
        ReplayError: ``step_fn``, ``like`` or ``like_action`` don't fit the recording.
    """
    simulation = simulation_of(
        episode, step_fn, like=like, like_action=like_action, describe=describe, describes=True
    )
    states, said = _rerun(episode, simulation)
    near = _Near(rtol, atol)
    compared: dict[str, int] = {}
    found: dict[tuple[str, str], _Compared] = {}
    described = list(_described(episode, said))
    leaves = [*_states(episode, simulation, states), *described]
    for leaf in sorted(leaves, key=lambda leaf: _ORDER.index(leaf.evidence)):
        if leaf.num_compared:
            compared[leaf.evidence] = max(compared.get(leaf.evidence, 0), leaf.num_compared)
        found[leaf.evidence, leaf.path] = leaf
    differing = {name: leaf.differs(near) for name, leaf in found.items()}
    wrong = sorted({int(step) for name, leaf in found.items() for step in leaf.steps[differing[name]]})
    differences: dict[str, Difference] = {}
    for name, leaf in found.items():
        rows = np.flatnonzero(differing[name])
        if len(rows) and int(leaf.steps[rows[0]]) == wrong[0] and leaf.path not in differences:
            differences[leaf.path] = leaf.difference(int(rows[0]), near)
    floats = {
        field.name: _judge(
            [leaf for (_, path), leaf in found.items() if path == field.name], resimulated, described, near
        )
        for field, resimulated in zip(simulation.states.fields, states, strict=True)
        if _is_float(resimulated.dtype)
    }
    inexact = [judged.last_value for judged in floats.values() if not judged.exact and not judged.doubtful]
    return Verification(
        episode=int(episode.row.episode),
        total_steps=len(episode),
        num_leaves=len(simulation.states.fields),
        compared=compared,
        differences=tuple(differences.values()),
        differing_steps=len(wrong),
        unproven=tuple(
            Unproven(path, judged.first_other_hash) for path, judged in floats.items() if judged.doubtful
        ),
        floats_exact=all(judged.exact for judged in floats.values()) if floats else None,
        last_float_step=min(inexact, default=None),
        rtol=rtol,
        atol=atol,
    )


class _Near(NamedTuple):
    rtol: float
    atol: float

    def differs(self, recorded: np.ndarray, resimulated: np.ndarray) -> np.ndarray:
        """Return which elements differ; floats by more than the tolerance."""
        if not _is_float(recorded.dtype):
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
        return _is_float(self.recorded.dtype if self.hashed is None else self.hashed)

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

    def differs(self, near: _Near) -> np.ndarray:
        """Return the steps at which the leaf differs, bool[n]."""
        if self.hashed is not None and _is_float(self.hashed):
            return np.zeros(len(self.steps), bool)
        differing = near.differs(self.recorded, self.resimulated)
        return np.asarray(differing.any(axis=tuple(range(1, differing.ndim))))

    def difference(self, row: int, near: _Near) -> Difference:
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
    leaves: list[_Compared], resimulated: np.ndarray, described: list[_Compared], near: _Near
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


def _last_value_in(
    described: list[_Compared], hashed: _Compared, resimulated: np.ndarray, near: _Near
) -> int:
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


def _is_float(dtype: np.dtype) -> bool:
    if dtype.kind in "fc":
        return True
    return dtype.kind == "V" and not dtype.name.startswith(("int", "uint"))


def _rerun(episode: EpisodeData, simulation: Simulation) -> tuple[list[np.ndarray], Any]:
    """Return the state that each step was reached with, [T+1, …], and what is said of the steps."""
    recorded = recorded_states(episode)
    leaves = simulation.states.arrange(recorded.tree)
    rows = [0]
    if any(_is_float(leaf.dtype) for leaf in leaves):
        for row, step in enumerate(recorded.steps):
            if step - recorded.steps[rows[-1]] >= _RESTART_STEPS:
                rows.append(row)
    borders = [*(int(recorded.steps[row]) for row in rows), len(episode)]
    pieces = [
        simulation.run([leaf[row] for leaf in leaves], borders[i], borders[i + 1])
        for i, row in enumerate(rows)
    ]
    # A piece ends with the state that it reached, the next begins with the recorded one.
    states = [
        np.concatenate([piece[0][k][min(i, 1) :] for i, piece in enumerate(pieces)])
        for k in range(len(leaves))
    ]
    return states, _concatenated([said for _, said in pieces])


def _concatenated(trees: list[Any]) -> Any:
    joined = {}
    for role in trees[0]:
        parts = [leaves_by_path(tree[role]) for tree in trees]
        joined[role] = {path: np.concatenate([part[path] for part in parts]) for path in parts[0]}
    return joined


def _states(episode: EpisodeData, simulation: Simulation, states: list[np.ndarray]) -> Iterator[_Compared]:
    """Yield the leaves of the states that were recorded, and of those whose hashes were."""
    journal = episode.journal
    for evidence, known, steps, tree in (
        ("state", episode.records_states, episode.step, lambda: episode.state),
        ("keyframe", journal.has("keyframe"), journal.keyframe_step, lambda: journal.keyframe),
    ):
        if known:
            leaves = simulation.states.arrange(tree())
            for field, recorded, resimulated in zip(simulation.states.fields, leaves, states, strict=True):
                yield _Compared(evidence, field.name, steps, recorded, resimulated[steps])
    if journal.has("state_hash"):
        hashes = flat_leaves(journal.state_hash)
        for field, leaf in zip(simulation.states.fields, states, strict=True):
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
