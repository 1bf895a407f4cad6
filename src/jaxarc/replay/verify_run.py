"""verify for many episodes: they are simulated side by side, in one program or a few."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import tree_util

from jaxarc.capture import Step
from jaxarc.errors import DamagedFileError, EpisodeNotFoundError, JaxArcError, NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import Field, numpy_dtype
from jaxarc.replay.evidence import Near, is_float, judged
from jaxarc.replay.programs import Recipe
from jaxarc.replay.resimulation import Piece, Simulation, Stepping, padded_length
from jaxarc.replay.verification import Verification
from jaxarc.replay.verify import joined, restarts

__all__ = ["verify_many"]

_BATCH_BYTES = 96 << 20
"""About the bytes of the states that one call of a program returns."""

_WAITING_BYTES = 256 << 20
_MOST_LANES = 512


def verify_many(
    episodes: Iterable[tuple[Any, Callable[[], EpisodeData]]],
    step_fn: Any,
    *,
    like: Any = None,
    like_action: Any = None,
    describe: Callable[..., Step] | None = None,
    rtol: float = 1e-4,
    atol: float = 1e-5,
) -> Iterator[tuple[Any, Verification | str]]:
    """Verify episodes side by side; what is found of each is what `verify` finds of it alone.

    Memory is bounded, whatever the number of episodes: so many are simulated at once as fit; those of a
    step that JAX cannot batch, one after the other. Of episodes
    that floats leave in doubt, the ones that differ by floats alone or are unproven, what `verify` says
    counts: another program may round as the recorded one did.

    Args:
        episodes: pairs of what an episode is called and what loads it.
        step_fn: as for `verify`, as all the others.
        like, like_action, describe, rtol, atol: as for `verify`.

    Yields:
        Name and verification of each episode, not in order; words instead where it cannot be verified.

    Raises:
        ReplayError: ``step_fn``, ``like`` or ``like_action`` don't fit a recording, or ``step_fn`` fails.
    """
    stepping = Stepping.of(step_fn, like=like, like_action=like_action, describe=describe, describes=True)
    near = Near(rtol, atol)
    batches = _Batches()
    for name, load in episodes:
        try:
            episode = load()
            simulation = stepping.simulation(episode)
            pieces = restarts(simulation)
        except (NotRecordedError, DamagedFileError, EpisodeNotFoundError) as error:
            yield name, str(error)
            continue
        for done in batches.add(_Waiting(name, episode, simulation, pieces)):
            yield done.name, done.verdict(near)
    for done in batches.flush():
        yield done.name, done.verdict(near)


@dataclass(eq=False)
class _Waiting:
    """An episode whose pieces are simulated, or will be.

    Attributes:
        results: of each piece, once it is there.
    """

    name: Any
    episode: EpisodeData
    simulation: Simulation
    pieces: list[Piece]
    results: dict[int, tuple[list[np.ndarray], Any]] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return len(self.results) == len(self.pieces)

    @property
    def num_bytes(self) -> int:
        return sum(
            _bytes_of_step(self.simulation.recipe) * (piece.last - piece.first) for piece in self.pieces
        )

    def verdict(self, near: Near) -> Verification:
        """Judge what was simulated."""
        found = self._judged([self.results[k] for k in range(len(self.pieces))], near)
        if found.ok or not found.says_something or not _in_doubt(found):
            return found
        return self._judged([self.simulation.run(piece) for piece in self.pieces], near)

    def _judged(self, results: Sequence[tuple[list[np.ndarray], Any]], near: Near) -> Verification:
        states, said = joined(results)
        return judged(self.episode, self.simulation.states, states, said, near)


def _in_doubt(found: Verification) -> bool:
    """Say whether floats alone keep an episode from being confirmed."""
    return all(
        difference.evidence != "hash" and is_float(difference.recorded.dtype)
        for difference in found.differences
    )


class _Lane(NamedTuple):
    """A piece of an episode."""

    waiting: _Waiting
    piece: int


class _Batches:
    """Pieces of episodes by the program that takes them, which runs when enough of them are there."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[int, int], list[_Lane]] = {}
        self._waiting_bytes = 0

    def add(self, waiting: _Waiting) -> Iterator[_Waiting]:
        """Take an episode; yield those that are done."""
        self._waiting_bytes += waiting.num_bytes
        recipe = waiting.simulation.recipe
        for number, piece in enumerate(waiting.pieces):
            length = padded_length(piece.last - piece.first)
            lanes = self._lanes.setdefault((id(recipe), length), [])
            lanes.append(_Lane(waiting, number))
            if len(lanes) >= _most_lanes(recipe, length):
                yield from self._run((id(recipe), length))
        if self._waiting_bytes > _WAITING_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[_Waiting]:
        """Simulate whatever waits; yield what is done."""
        for which in list(self._lanes):
            yield from self._run(which)

    def _run(self, which: tuple[int, int]) -> Iterator[_Waiting]:
        lanes, length = self._lanes.pop(which), which[1]
        recipe = lanes[0].waiting.simulation.recipe
        for lane, result in zip(lanes, _simulated(recipe, lanes, length), strict=True):
            waiting = lane.waiting
            waiting.results[lane.piece] = result
            if waiting.is_done:
                self._waiting_bytes -= waiting.num_bytes
                yield waiting


def _bytes_of_step(recipe: Recipe) -> int:
    def size(fields: Sequence[Field]) -> int:
        return sum(each.size * numpy_dtype(each.dtype).itemsize for each in fields)

    keys = recipe.keys.fields if recipe.keys is not None else ()
    # What is said of a step is about as much as what it is said of.
    return 2 * size(recipe.states.fields) + size(recipe.actions.fields) + size(keys)


def _most_lanes(recipe: Recipe, length: int) -> int:
    fitting = max(1, _BATCH_BYTES // max(1, length * _bytes_of_step(recipe)))
    return min(_MOST_LANES, 1 << (fitting.bit_length() - 1))


def _simulated(recipe: Recipe, lanes: Sequence[_Lane], length: int) -> Iterator[tuple[list[np.ndarray], Any]]:
    """Yield what `Simulation.run` returns of each piece; where they cannot run side by side, one by one."""
    together = recipe.of_many
    try:
        found = _side_by_side(recipe, lanes, length) if together.is_possible else None
    except JaxArcError:
        found = None
    except Exception as error:  # noqa: BLE001 - foreign code; what is wrong with it, each by itself says
        found, together.is_possible = None, isinstance(error, jax.errors.JaxRuntimeError)
    if found is None:
        for lane in lanes:
            yield lane.waiting.simulation.run(lane.waiting.pieces[lane.piece])
        return
    states, said = found
    for number, lane in enumerate(lanes):
        piece = lane.waiting.pieces[lane.piece]
        count = piece.last - piece.first
        yield (
            [np.ascontiguousarray(leaf[: count + 1, number]) for leaf in states],
            tree_util.tree_map(partial(_of_lane, lane=number, count=count), said),
        )


def _side_by_side(recipe: Recipe, lanes: Sequence[_Lane], length: int) -> tuple[list[np.ndarray], Any]:
    """Return states [T+1, n, …] and what is said [T, n, …]; empty lanes repeat the first one."""
    width = recipe.of_many.width(length, len(lanes))
    pieces = [lane.waiting.pieces[lane.piece] for lane in lanes]
    counts = np.zeros(width, np.int32)
    counts[: len(pieces)] = [piece.last - piece.first for piece in pieces]
    start = [
        _filled([np.asarray(piece.start[k]) for piece in pieces], width)
        for k in range(len(recipe.states.fields))
    ]
    inputs = tree_util.tree_map(
        lambda *leaves: _joined_inputs(leaves, pieces, length, width),
        *(lane.waiting.simulation.inputs for lane in lanes),
    )
    return jax.device_get(recipe.of_many(start, inputs, counts))


def _of_lane(leaf: np.ndarray, *, lane: int, count: int) -> np.ndarray:
    return np.ascontiguousarray(leaf[:count, lane])


def _filled(values: Sequence[np.ndarray], width: int) -> np.ndarray:
    stacked = np.stack(values)
    return np.concatenate([stacked, np.repeat(stacked[:1], width - len(stacked), axis=0)])


def _joined_inputs(
    leaves: Sequence[np.ndarray], pieces: Sequence[Piece], length: int, width: int
) -> np.ndarray:
    """Return inputs [length, width, …]; behind its end a piece repeats its last step."""
    whole = np.empty((length, width, *leaves[0].shape[1:]), leaves[0].dtype)
    for lane in range(width):
        at = lane if lane < len(pieces) else 0
        first, last = pieces[at].first, pieces[at].last
        whole[: last - first, lane] = leaves[at][first:last]
        whole[last - first :, lane] = leaves[at][last - 1]
    return whole
