"""What of an episode is stored: decided when it ends, or before where it is sure or memory runs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from jaxarc.pipeline.held_rows import HeldRows
from jaxarc.pipeline.key_steps import KeyStepRule, windows
from jaxarc.pipeline.lanes import Columns
from jaxarc.pipeline.pieces import Piece, is_among
from jaxarc.records.layout import FLAG_MARK
from jaxarc.records.steps import StepBlock

__all__ = ["Settled", "Settler"]


@dataclass
class Settled:
    """Steps on their way to the next segment, and how many steps each ended episode has on disk then.

    Attributes:
        blocks: the steps.
        nbytes: bytes of those.
    """

    blocks: list[StepBlock] = field(default_factory=list)
    nbytes: int = 0
    _uids: list[np.ndarray] = field(default_factory=list)
    _steps: list[np.ndarray] = field(default_factory=list)

    def put(self, blocks: Sequence[StepBlock]) -> None:
        """Add steps."""
        self.blocks += [block for block in blocks if len(block)]
        self.nbytes += sum(block.nbytes for block in blocks)

    def end(self, uids: np.ndarray, steps: np.ndarray) -> None:
        """Say how many steps of ended episodes are stored."""
        self._uids.append(uids)
        self._steps.append(steps)

    def steps_of(self, uids: np.ndarray) -> np.ndarray:
        """Return how many steps of these episodes are stored, int64[n]; 0 for those not heard of."""
        stored = np.zeros(len(uids), np.int64)
        if self._uids:
            known, steps = np.concatenate(self._uids), np.concatenate(self._steps)
            order = np.argsort(known)
            found = is_among(uids, known[order])
            stored[found] = steps[order][np.searchsorted(known[order], uids[found])]
        return stored


@dataclass
class Settler:
    """Decide for one stream which rows are stored.

    Args:
        rule: the key steps and the window.
        held: the rows of the stream.
    """

    rule: KeyStepRule
    held: HeldRows
    _ended: list[Columns] = field(default_factory=list)
    _kept: list[np.ndarray] = field(default_factory=list)

    @property
    def expected(self) -> np.ndarray:
        """Episodes that ended and whose steps are still held, int64[n]."""
        return np.concatenate([np.zeros(0, np.int64), *(columns["uid"] for columns in self._ended)])

    def expect(self, columns: Columns, kept: np.ndarray) -> None:
        """Hear of episodes that ended and of which steps are stored.

        Args:
            columns: what the lanes knew of them.
            kept: whether a rule keeps them; of the others the window is stored alone.
        """
        self._ended.append(columns.without_names())  # a later episode may bring metrics that are new
        self._kept.append(kept)

    def settle(self, settled: Settled) -> tuple[int, int]:
        """Choose the steps of the episodes that ended; return how many are stored, and how many are not."""
        if not self._ended:
            return 0, 0
        columns, kept = Columns.concatenate(self._ended), np.concatenate(self._kept)
        self._ended, self._kept = [], []
        order = np.argsort(columns["uid"])
        columns, kept = columns.take(order), kept[order]
        uid, spilled = columns["uid"], columns["spilled"]
        blocks = []
        gathered = self.held.take(uid)
        by_choice = [part for part in gathered if part.by_choice]
        if by_choice:
            masks = self.rule.choose(by_choice, uid, columns["count"] - 1, kept)
            blocks += [part.block.take(mask) for part, mask in zip(by_choice, masks, strict=True)]
        for part in gathered:
            if not part.by_choice:
                blocks.append(part.block if kept.all() else self._windows_of(part.block, uid, kept))
        settled.put(blocks)
        stored = spilled + _distinct_steps(blocks, uid, spilled)
        settled.end(uid, stored)
        return int(stored.sum()), int((columns["rows"] - stored).sum())

    def spill(self, settled: Settled, columns: Columns, *, hold_window: bool) -> None:
        """Send steps of open episodes on their way to disk, those that are stored whole.

        Args:
            settled: takes the steps.
            columns: the table's columns; what they say of bytes and steps in memory is brought up to date.
            hold_window: whether the newest steps stay in memory, for a mark that may come.
        """
        lanes, uids = _open_episodes(columns)
        spilled = columns["spilled"][lanes]
        for part in self.held.take(uids, by_choice=False):
            block = part.block
            self._account(columns, lanes, uids, block, -1)
            if hold_window and self.rule.window and block.layout.kind == "steps":
                newest = columns["count"][lanes][np.searchsorted(uids, block.uid)]
                late = block.steps >= np.repeat(newest - self.rule.window, block.count)
                self._hold(columns, lanes, uids, block.take(late), by_choice=False, notes=None)
                block = block.take(~late)
            settled.put([block])
            if block.layout.kind in ("steps", "journal"):
                place = np.searchsorted(uids, block.uid)
                spilled[place] = np.maximum(spilled[place], block.steps[block.first + block.count - 1] + 1)
        columns["spilled"][lanes] = spilled

    def thin(self, columns: Columns) -> None:
        """Give up the steps of open episodes that can't be chosen any more."""
        lanes, uids = _open_episodes(columns)
        gathered = self.held.take(uids, by_choice=True)
        if not gathered:
            return
        for part, (hold, notes) in zip(gathered, self.rule.thin(gathered, uids), strict=True):
            self._account(columns, lanes, uids, part.block, -1)
            self._hold(columns, lanes, uids, part.block.take(hold), by_choice=True, notes=notes[hold])

    def _windows_of(self, block: StepBlock, uid: np.ndarray, kept: np.ndarray) -> StepBlock:
        """Return the steps of the episodes that are kept, and the windows of the others."""
        episode = np.repeat(np.arange(len(block.uid)), block.count)
        stored = kept[np.searchsorted(uid, block.uid)][episode]
        if block.layout.kind == "steps":
            marked = (block.scalars[:, 0] & FLAG_MARK) != 0
            stored = stored | windows(block.steps, marked, episode, self.rule.window)
        return block.take(stored)

    def _hold(
        self,
        columns: Columns,
        lanes: np.ndarray,
        uids: np.ndarray,
        block: StepBlock,
        *,
        by_choice: bool,
        notes: np.ndarray | None,
    ) -> None:
        """Take steps back into memory."""
        if not len(block):
            return
        self.held.add(Piece.of_block(block, by_choice, notes))
        self._account(columns, lanes, uids, block, 1)

    def _account(
        self, columns: Columns, lanes: np.ndarray, uids: np.ndarray, block: StepBlock, sign: int
    ) -> None:
        """Add the bytes of a block to what its episodes hold, or take them away."""
        width = block.layout.row_bytes + 4 * block.layout.num_scalar_words
        np.add.at(columns["held"], lanes[np.searchsorted(uids, block.uid)], sign * width * block.count)


def _open_episodes(columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Return lanes and uids of the open episodes that lost nothing, by uid."""
    lanes = ((columns["open"] != 0) & (columns["lost"] == 0)).nonzero()[0]
    lanes = lanes[np.argsort(columns["uid"][lanes])]
    return lanes, columns["uid"][lanes]


def _distinct_steps(blocks: Sequence[StepBlock], uid: np.ndarray, spilled: np.ndarray) -> np.ndarray:
    """Count the steps of each episode in blocks of steps and journal, each once, without those spilled."""
    blocks = [block for block in blocks if block.layout.kind in ("steps", "journal")]
    if not blocks:
        return np.zeros(len(uid), np.int64)
    place = np.concatenate([np.repeat(np.searchsorted(uid, block.uid), block.count) for block in blocks])
    steps = np.concatenate([block.steps for block in blocks])
    fresh = steps >= spilled[place]
    place, steps = place[fresh], steps[fresh]
    if len(blocks) > 1 and len(steps):
        width = int(steps.max()) + 1
        place = np.unique(place * width + steps) // width
    return np.bincount(place, minlength=len(uid)).astype(np.int64)
