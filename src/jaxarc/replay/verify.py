"""verify: is an episode what its environment makes of its actions?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxarc.capture import Step
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import numpy_dtype
from jaxarc.replay.evidence import Near, is_float, judged
from jaxarc.replay.recorded_tree import leaves_by_path
from jaxarc.replay.resimulation import Piece, Simulation, Stepping
from jaxarc.replay.verification import Verification

__all__ = ["joined", "restarts", "verify"]

_RESTART_STEPS = 64
"""Floats drift apart between compiled programs: their states are taken up again at keyframes so far apart."""


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
        ReplayError: ``step_fn``, ``like`` or ``like_action`` don't fit the recording, or ``step_fn`` fails.
    """
    stepping = Stepping.of(step_fn, like=like, like_action=like_action, describe=describe, describes=True)
    simulation = stepping.simulation(episode)
    states, said = joined([simulation.run(piece) for piece in restarts(simulation)])
    return judged(episode, simulation.states, states, said, Near(rtol, atol))


def restarts(simulation: Simulation) -> list[Piece]:
    """Return the pieces in which an episode is simulated: floats are taken up again from the recording."""
    recorded = simulation.recorded
    rows = [0]
    if any(is_float(numpy_dtype(leaf.dtype)) for leaf in simulation.states.fields):
        for row, step in enumerate(recorded.steps):
            if step - recorded.steps[rows[-1]] >= _RESTART_STEPS:
                rows.append(row)
    return simulation.pieces(rows)


def joined(pieces: Sequence[tuple[list[np.ndarray], Any]]) -> tuple[list[np.ndarray], Any]:
    """Return the state that each step was reached with, [T+1, …], and what is said of the steps.

    A piece ends with the state that it reached, the next begins with the recorded one.
    """
    states = [
        np.concatenate([piece[0][k][min(i, 1) :] for i, piece in enumerate(pieces)])
        for k in range(len(pieces[0][0]))
    ]
    said: dict[str, dict[Any, np.ndarray]] = {}
    for role in pieces[0][1]:
        parts = [leaves_by_path(tree[role]) for _, tree in pieces]
        said[role] = {path: np.concatenate([part[path] for part in parts]) for path in parts[0]}
    return states, said
