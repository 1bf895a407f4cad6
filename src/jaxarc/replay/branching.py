"""Branches: the state before a step of a recorded episode, to go on from with other actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxarc.errors import NotRecordedError, ReplayError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay.addresses import step_in
from jaxarc.replay.recorded_tree import RecordedTree, recorded_tree
from jaxarc.replay.resimulation import Simulation, Stepping, recorded_states

__all__ = ["Branch", "branch"]


@dataclass(frozen=True, eq=False)
class Branch:
    """Where an episode can be gone on from.

    Attributes:
        state: the state before the step, of one environment.
        key: the key that the step was taken with, where one was recorded and the episode has this step;
            else None.
        step: the step.
        origin: where the state comes from: ``recorded``, or ``simulated from step N``.
    """

    state: Any
    key: Any
    step: int
    origin: str


def branch(
    episode: EpisodeData, step: int, step_fn: Any = None, *, like: Any = None, like_action: Any = None
) -> Branch:
    """Return the state before a step, to go on from with other actions.

    A state that was recorded is returned as it is, whether or not there is a ``step_fn``: at level ``full``
    every one was, with a journal the keyframes. Any other is simulated from the last one before it.

    Args:
        episode: the episode.
        step: the step, from 0; ``total_steps`` for the state that the last step led to.
        step_fn: as for `resimulate`: the step of one environment, or an environment.
        like, like_action: as for `resimulate`.

    Raises:
        NotRecordedError: there is no state to begin with, or no ``step_fn`` to simulate with.
        ReplayError: the episode has no such step, or the examples do not fit.
    """
    number = step_in(episode.row, step, last=len(episode))
    stepping = None if step_fn is None else Stepping.of(step_fn, like=like, like_action=like_action)
    recorded = recorded_states(episode)
    key = _key_of(episode, number)
    place = int(np.searchsorted(recorded.steps, number, "right")) - 1
    before = int(recorded.steps[place])
    if before == number:
        tree = recorded_tree("state", recorded.fields, like if stepping is None else stepping.like)
        return Branch(
            _built(tree, [leaf[place] for leaf in tree.arrange(recorded.tree)]), key, number, "recorded"
        )
    if stepping is None:
        held = ", ".join(map(str, recorded.steps[:8].tolist())) + (", …" if len(recorded.steps) > 8 else "")
        raise NotRecordedError(
            f"the state of step {number} of episode {episode.row.episode} was not recorded (those of steps "
            f"{held} were); give env= to simulate it, or record every state with capture.level=full"
        )
    simulation = stepping.simulation(episode)
    return Branch(_simulated(simulation, place, number), key, number, f"simulated from step {before}")


def _simulated(simulation: Simulation, place: int, step: int) -> Any:
    (piece,) = simulation.pieces([place])
    states, _ = simulation.run(piece._replace(last=step))
    return _built(simulation.states, [leaf[-1] for leaf in states])


def _built(tree: RecordedTree, leaves: list[Any]) -> Any:
    return tree.build([jnp.asarray(leaf) for leaf in leaves])


def _key_of(episode: EpisodeData, step: int) -> Any:
    """Return the key that was recorded at a step, as the program had it, or None."""
    journal = episode.journal
    if not journal.has("key") or step not in journal.step:
        return None
    row = int(np.searchsorted(journal.step, step))
    try:
        tree = recorded_tree("key", journal.fields("key"))
        return _built(tree, [leaf[row] for leaf in tree.arrange(journal.key)])
    except (NotRecordedError, ReplayError):
        return None  # of some steps, or of another dtype than this process has
