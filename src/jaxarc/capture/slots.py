"""Slots: the integer that a compiled program knows of a recorder, and the one receiver behind it."""

from __future__ import annotations

import _thread
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxarc.records.chunk import Chunk, Header
from jaxarc.records.clock import CLOCK
from jaxarc.records.layout import Layout

__all__ = ["SLOTS", "Slots", "receive"]

logger = logging.getLogger(__name__)

_REARM_DELAY_S = 0.05


@dataclass
class Slots:
    """The open recorders of this process, by slot, and the layouts that its programs were traced with.

    Attributes:
        orphaned_chunks: chunks that arrived for a slot that nobody holds.
        failed_chunks: chunks that the receiver could not hand over.
    """

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _receivers: dict[int, Callable[[Chunk], None]] = field(default_factory=dict)
    _layouts: dict[int, Layout] = field(default_factory=dict)
    orphaned_chunks: int = 0
    failed_chunks: int = 0
    first_failure: str = ""
    _taken_s: dict[int, float] = field(default_factory=dict)
    _named: set[int] = field(default_factory=set)

    def take(self, receiver: Callable[[Chunk], None], slot: int | None = None) -> int | None:
        """Give ``receiver`` a slot: the one asked for, or the lowest free one; None when it is taken."""
        with self._lock:
            if slot is None:
                slot = next(i for i in range(len(self._receivers) + 1) if i not in self._receivers)
            if slot in self._receivers:
                return None
            self._receivers[slot] = receiver
            self._taken_s[slot] = 0.0
            self._named.discard(slot)
            return slot

    def taken_s(self, slot: int) -> float:
        """Return the seconds that chunks for a slot took on the host until its holder had them."""
        return self._taken_s.get(slot, 0.0)

    def free(self, slot: int) -> None:
        """Free a slot; rows that still arrive for it are counted as orphaned."""
        with self._lock:
            self._receivers.pop(slot, None)

    def forked(self) -> None:
        """Be usable in a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.Lock()

    def intern(self, layout: Layout) -> int:
        """Remember a layout and return its id."""
        with self._lock:
            known = self._layouts.setdefault(layout.id, layout)
        if known != layout:
            raise RuntimeError(
                f"two layouts share the id {layout.id}; rename a metric of stream {layout.stream}"
            )
        return layout.id

    def deliver(self, octets: Any, words: Any, header: Any) -> None:
        """Hand one chunk to the recorder that holds its slot. Never raises: a callback must not."""
        received, began = CLOCK.now_s(), time.perf_counter()
        try:
            parsed, lanes = Header.parse(np.asarray(header))
            receiver = self._receivers.get(parsed.slot)
            if receiver is None:
                self._orphan(parsed.slot)
                return
            layout = self._layouts[parsed.layout_id]
            chunk = Chunk(layout, parsed, lanes, np.asarray(octets), np.asarray(words), received)
            with self._lock:
                self._taken_s[parsed.slot] += time.perf_counter() - began
            receiver(chunk)
        except KeyboardInterrupt:
            # An exception here kills the compiled program; the interrupt is for the main thread anyway.
            threading.Timer(_REARM_DELAY_S, _thread.interrupt_main).start()
        except Exception as error:  # the edge of the callback: counted and reported, never raised
            with self._lock:
                self.failed_chunks += 1
                first = not self.first_failure
                self.first_failure = self.first_failure or repr(error)
            if first:
                logger.exception("a recorded chunk could not be handed over")

    def _orphan(self, slot: int) -> None:
        with self._lock:
            self.orphaned_chunks += 1
            if slot in self._named:
                return
            self._named.add(slot)
        logger.warning(
            "steps arrived for recorder slot %d, which is closed; open a Recorder to receive them", slot
        )


SLOTS = Slots()
"""The slots of this process."""

os.register_at_fork(after_in_child=SLOTS.forked)


def receive(octets: Any, words: Any, header: Any) -> None:
    """The one host function behind every callback of this package."""
    SLOTS.deliver(octets, words, header)
