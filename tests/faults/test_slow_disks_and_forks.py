"""Ctrl-C while a slow disk is behind, and forks while every lock is held."""

from __future__ import annotations

from pathlib import Path

from child import Child, episodes_of

SLOW_DISK = """
import numpy as np
from jaxarc import Step

recorder = Recorder(config(ROOT, pipeline={"handle_signals": True, "queue_bytes": 8_000_000}))
write = recorder._run.store.write_segment

def slow_write(pending):
    time.sleep(sum(block.nbytes for block in pending.blocks) / 4e6)
    return write(pending)

def interrupt():
    while recorder.health().queue_bytes < 7_000_000:
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGINT)

recorder._run.store.write_segment = slow_write
board = np.random.default_rng(0).integers(0, 10, (20, 20, 30, 30)).astype(np.int8)
ends = np.tile((np.arange(20) % 10 == 9)[:, None], 20)
steps = Step(observation=board, next_observation=board, reward=np.ones((20, 20), np.float32), terminated=ends)
"""


def test_ctrl_c_with_a_full_queue_and_a_slow_disk_loses_steps_and_says_how_many(run_root: Path):
    """What no deadline can write is given up: rows come first, everything is counted, the run is KILLED."""
    child = Child(
        run_root,
        SLOW_DISK
        + """
try:
    with recorder:
        threading.Thread(target=interrupt, daemon=True).start()
        for _ in range(10_000):
            recorder.record_rollout(steps)
except KeyboardInterrupt:
    health = recorder.health()
    assert health.dropped_steps > 0, health
    assert health.accepted_steps == (
        health.stored_steps + health.dropped_steps + health.unkept_steps + health.waiting_steps
    ), health
    assert health.waiting_steps == health.waiting_episodes == health.waiting_chunks == 0, health
    assert health.episodes == health.persisted_episodes + health.lost_episodes, health
    os._exit(42)
""",
    )
    code, errors = child.ended()
    assert code == 42, errors
    run = child.run()
    assert "recording lost something: dropped_steps" in errors
    assert run.status == "KILLED"
    rows = run.episodes()
    for row in rows:
        if row.stored_steps:
            assert len(run.load_episode(row.episode).reward) == row.stored_steps == row.total_steps
    assert run.info["losses"]["dropped_steps"] > 0


FORKS = """
recorder = Recorder(config(ROOT, pipeline={"queue_bytes": 2_000_000}))
play(recorder, 0)
stop = threading.Event()

def work():
    while not stop.is_set():
        recorder.log({"loss": 1.0})
        recorder.flush()

def look():
    while not stop.is_set():
        recorder.health(), SLOTS.free(-1)

from jaxarc.capture import SLOTS
from jaxarc.pipeline import ChunkItem
kept = []
submit = recorder._run.queue.submit
recorder._run.queue.submit = lambda item: kept.append(item) or submit(item)
recorder.log({"loss": 1.0})
item = kept[0]
threads = [threading.Thread(target=f, daemon=True) for f in (work, work, look)]
for thread in threads:
    thread.start()
for number in range(60):
    child = os.fork()
    if child == 0:
        answers = [submit(item), recorder.flush(), recorder.health() is None, recorder._run.queue.close()]
        recorder.close()
        os._exit(0 if answers == [False] * 4 else 1)
    deadline = time.monotonic() + 60
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0, status
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGABRT)
            raise SystemExit(f"child {number} hangs")
        time.sleep(0.001)
stop.set()
for thread in threads:
    thread.join()
recorder.close()
assert recorder.health().losses == {}, recorder.health()
"""


def test_sixty_forks_while_other_threads_hold_every_lock_neither_write_nor_hang(run_root: Path):
    """Each child submits, flushes, asks, and closes; the parent's run is complete, each event once."""
    child = Child(run_root, FORKS)
    code, errors = child.ended()
    assert code == 0, errors
    run = child.run()
    assert run.status == "FINISHED"
    assert len(episodes_of(run)) == 4
    assert run.problems == ()
    events = [event for event in run.events() if event.type in ("run_start", "run_end")]
    assert [event.type for event in events] == ["run_start", "run_end"]
    logged = list(run.events("metric_batch"))
    assert len(logged) == events[-1].payload["events"]
