"""Interleaved batches of calls: a program without a recorder, and the same one with it.

A batch is several calls of one program back to back, each waited for, so that the writer's thread is at work
while the next call runs, as it is in training. What it has not worked off when the batch ends is waited for
outside of the timed part and reported by itself; so is the commit that follows. Then the next batch begins.
"""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import jax
from jaxtyping import PyTree

from jaxarc.bench.compiling import Built
from jaxarc.bench.results import Pair
from jaxarc.bench.variants import Variant
from jaxarc.recorder import Recorder

__all__ = ["Player", "Session", "calls_that_take", "time_pairs"]

_POLL_S = 0.0005


class Player:
    """Call a compiled program again and again, each call going on where the one before ended.

    Args:
        built: the program.
        loops: calls that make one timed call; only the last of them is waited for.
    """

    def __init__(self, built: Built, loops: int):
        self._call, self._world, self._loops = built.call, built.program.world, loops
        self._carry: PyTree = built.program.carry
        self.steps_per_call = built.program.num_steps * loops

    def play(self, calls: int) -> float:
        """Make so many timed calls; return the seconds they took, all callbacks included."""
        carry, ys = self._carry, None
        started = time.perf_counter()
        for _ in range(calls):
            for _ in range(self._loops):
                carry, ys = self._call(self._world, carry)
            jax.block_until_ready((carry, ys))
            jax.effects_barrier()
        seconds = time.perf_counter() - started
        self._carry = carry
        return seconds


@dataclass
class Crossed:
    """What a recorder took in timed batches.

    Attributes:
        calls: timed calls.
        chunks, bytes: what crossed.
        write_s: seconds that the writer worked.
        blocked_s: seconds that the program waited for it.
        pictures: files drawn.
        losses: what was lost, by kind.
    """

    calls: int = 0
    chunks: int = 0
    bytes: int = 0
    write_s: float = 0.0
    blocked_s: float = 0.0
    pictures: int = 0
    losses: Counter[str] = field(default_factory=Counter)


class Session:
    """The recorder of a variant, from its first batch to its last; nothing for a hand-written callback.

    Where pictures are drawn, each batch gets a run of its own, and begins when that run's first pictures are
    being drawn: later in a run there are next to none.

    Args:
        variant: what is recorded.
        slot: the slot that the program was compiled with.
        folder: where the runs go.
        names: gives a recorder names for its labels.
    """

    def __init__(self, variant: Variant, slot: int, folder: str, names: Callable[[Recorder], None]):
        self._variant, self._slot, self._folder, self._names = variant, slot, folder, names
        self._recorder: Recorder | None = None
        self.crossed = Crossed()

    def open(self) -> None:
        """Open the recorder, where the variant has one."""
        if self._variant.level:
            self._recorder = Recorder(self._variant.overrides(self._folder), slot=self._slot)
            self._names(self._recorder)

    def close(self) -> None:
        """Close the recorder, and count what it lost and drew."""
        if self._recorder is not None:
            self._recorder.close()
            health = self._recorder.health()
            self.crossed.pictures += health.pictures
            self.crossed.losses.update(health.losses)
            self._recorder = None

    def warm(self, player: Player, seconds: float) -> int:
        """Play until what happens once in a run has happened, let it be written; return the calls."""
        calls, played_s = 0, 0.0
        while played_s < seconds:
            calls, played_s = calls + 1, played_s + player.play(1)
        self._flush()
        return calls

    def time_batch(self, player: Player, calls: int) -> tuple[float, float, float]:
        """Return the seconds of a batch, of the backlog behind it, and of the commit behind that."""
        if self._variant.draws:
            self.open()
            player.play(1)
            self._flush()
        if self._recorder is None:
            return player.play(calls), 0.0, 0.0
        before = self._recorder.health()
        seconds = player.play(calls)
        ended = time.perf_counter()
        while (after := self._recorder.health()).queue_bytes:
            time.sleep(_POLL_S)
        worked_off = time.perf_counter()
        self._flush()
        committed = time.perf_counter()
        self.crossed.calls += calls
        self.crossed.chunks += after.accepted_chunks - before.accepted_chunks
        self.crossed.bytes += after.accepted_bytes - before.accepted_bytes
        self.crossed.write_s += after.write_s - before.write_s
        self.crossed.blocked_s += after.blocked_s - before.blocked_s
        if self._variant.draws:
            self.close()
        return seconds, worked_off - ended, committed - worked_off

    def _flush(self) -> None:
        if self._recorder is not None:
            self._recorder.flush()


def calls_that_take(built: Built, loops: int, batch_s: float) -> int:
    """Return how many timed calls of a program take ``batch_s``, warm; at least one."""
    player = Player(built, loops)
    player.play(1)
    return max(1, math.ceil(batch_s / min(player.play(1) for _ in range(3))))


def time_pairs(
    none: Player,
    variant: Player,
    session: Session,
    *,
    none_calls: int,
    calls: int,
    num_pairs: int,
    rng: random.Random,
    tell: Callable[[int], None],
) -> list[Pair]:
    """Time both programs in pairs of batches, in an order drawn anew for each pair.

    Each goes on where its own batch before ended, so with as many calls both play the same steps.

    Args:
        none, variant: the programs, without and with a recorder.
        session: its recorder, open unless pictures are drawn.
        none_calls, calls: timed calls of a batch of each.
        num_pairs: pairs to time.
        rng: draws the orders.
        tell: hears the number of each pair that is done.
    """
    pairs = []
    for number in range(num_pairs):
        none_first = rng.random() < 0.5
        none_s = none.play(none_calls) if none_first else 0.0
        variant_s, backlog_s, commit_s = session.time_batch(variant, calls)
        none_s = none_s if none_first else none.play(none_calls)
        pairs.append(Pair(none_s, variant_s, backlog_s, commit_s, none_first))
        tell(number + 1)
    return pairs
