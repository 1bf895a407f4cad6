"""Ctrl-C, several threads and a flush with a time limit, in the middle of an episode of a loop."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import numpy as np
import pytest

from jaxarc.config import CaptureConfig
from jaxarc.errors import RecorderClosedError
from jaxarc.pipeline import PythonLoops, loop_episode
from jaxarc.records.lane_chunk import LaneChunk
from jaxarc.records.layout import FLAG_ACTIVE


class Queue:
    """Takes chunks while it has room."""

    def __init__(self) -> None:
        self.chunks: list[LaneChunk] = []
        self.room = threading.Event()
        self.room.set()

    def submit(self, chunk: LaneChunk, until: float | None) -> bool:
        """Wait for room, then take a chunk."""
        if not self.room.wait(None if until is None else max(0.0, until - time.monotonic())):
            return False
        self.chunks.append(chunk)
        return True

    @property
    def rewards(self) -> list[float]:
        """The rewards of all steps, in their order."""
        found = [
            chunk.layout.decode_scalar(0, chunk.scalars)[0, 0]
            for chunk in self.chunks
            if (chunk.scalars[0, 0, :, 0] & FLAG_ACTIVE).any()
        ]
        return np.concatenate([np.zeros(0), *found]).tolist()


@pytest.fixture
def queue() -> Queue:
    """A queue with room."""
    return Queue()


@pytest.fixture
def loops(queue: Queue) -> PythonLoops:
    """Episodes whose chunks come into the queue."""
    return PythonLoops(CaptureConfig(level="verbose"), 10**9, queue.submit, lambda label, name: 0)


def play(episode: Any, rewards: range) -> None:
    """Record a step for every reward."""
    for reward in rewards:
        episode.step(np.zeros(3, np.int8), reward, reward)


@pytest.mark.parametrize("ends", [False, True], ids=["step", "close"])
def test_an_interrupt_while_a_chunk_is_made_loses_and_repeats_nothing(
    ends: bool, queue: Queue, loops: PythonLoops, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chunk is made again by the next step, or by the close of the recorder."""
    episode = loops.episode()
    play(episode, range(31 if not ends else 20))

    def interrupted(*args: Any, **options: Any) -> LaneChunk:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop_episode, "LaneChunk", interrupted)
        with pytest.raises(KeyboardInterrupt):
            episode.close() if ends else play(episode, range(31, 32))
    if not ends:
        play(episode, range(32, 40))
    loops.close()
    assert queue.rewards == list(range(20 if ends else 40))
    assert queue.chunks[-1].ends is not None


def test_threads_may_share_an_episode(queue: Queue, loops: PythonLoops) -> None:
    """Every step is there once, also those that meet a chunk that is full."""
    episode = loops.episode()
    threads = [threading.Thread(target=play, args=(episode, range(n, n + 2_000))) for n in (0, 2_000, 4_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    episode.close()
    assert sorted(queue.rewards) == list(range(6_000))


def test_sending_stops_waiting_in_time_and_goes_on_later(queue: Queue, loops: PythonLoops) -> None:
    """A flush with a limit keeps to it where the queue is full; nothing is lost, and nothing piles up."""
    episode = loops.episode()
    play(episode, range(3))
    queue.room.clear()
    began = time.monotonic()
    assert not loops.send(began + 0.05)
    play(episode, range(3, 6))
    assert not loops.send(time.monotonic())
    assert time.monotonic() - began < 1
    queue.room.set()
    assert loops.send(time.monotonic() + 10)
    assert queue.rewards == list(range(6))
    assert len(queue.chunks) == 2
    episode.close()
    loops.close()
    with pytest.raises(RecorderClosedError):
        loops.episode()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:.*fork.*:RuntimeWarning")
def test_a_forked_child_waits_for_no_lock_of_its_parent(loops: PythonLoops) -> None:
    """Another thread of the parent may hold it for good."""
    episode = loops.episode()
    play(episode, range(3))
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with loops._lock:
            locked.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    child = os.fork()
    if not child:
        os._exit(1 if loops.send() or episode.send() else 0)
    done.set()
    holder.join()
    assert os.waitpid(child, 0)[1] == 0


def test_a_commit_takes_no_step_before_the_end_of_the_episode_before_it(loops: PythonLoops, queue: Queue):
    """The end still waits in the queue: the writer would cut that episode where this one begins."""
    first = loops.episode(env_id=0)
    play(first, range(2))
    (begun,) = loops.gather()
    begun.scalars  # noqa: B018 - the writer asks for its steps
    play(first, range(2, 3))
    first.close("terminated")
    second, beside = loops.episode(env_id=0), loops.episode(env_id=1)
    play(second, range(3, 5))
    play(beside, range(5, 6))
    assert [chunk.first_env for chunk in loops.gather()] == [1]
    (end,) = queue.chunks
    end.scalars  # noqa: B018 - as above
    assert [chunk.first_env for chunk in loops.gather()] == [0]
    second.close("terminated")
    assert queue.rewards == [2.0]


def test_what_the_writer_let_go_of_keeps_nothing_waiting(loops: PythonLoops, queue: Queue):
    """Nobody holds its steps any more, and the next episode's are committed."""
    for number in range(3):
        episode = loops.episode()
        play(episode, range(2))
        assert len(list(loops.gather())) == 1
        play(episode, range(number + 1))
        episode.close("terminated")
        queue.chunks.clear()
