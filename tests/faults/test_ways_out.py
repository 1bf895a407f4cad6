"""Every way out of a process leaves a complete run with the right status."""

from __future__ import annotations

import signal
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from child import Child, episodes_of, run_child

from jaxarc.replay import ReplaySystem

TEN_STEPS = [[0, *range(6)], [0, *range(5, 11)], [1, *range(5, 11)], [1, *range(10, 16)]]

WAYS = {
    "end of the with block": (
        """
        with Recorder(config(ROOT)) as recorder:
            play(recorder, 0)
        """,
        0,
        "FINISHED",
    ),
    "end of the program": (
        """
        recorder = Recorder(config(ROOT))
        play(recorder, 0)
        """,
        0,
        "FINISHED",
    ),
    "sys.exit(0)": (
        """
        with Recorder(config(ROOT)) as recorder:
            play(recorder, 0)
            sys.exit(0)
        """,
        0,
        "FINISHED",
    ),
    "sys.exit(3)": (
        """
        with Recorder(config(ROOT)) as recorder:
            play(recorder, 0)
            sys.exit(3)
        """,
        3,
        "FAILED",
    ),
    "exception in the with block": (
        """
        with Recorder(config(ROOT)) as recorder:
            play(recorder, 0)
            raise ValueError("mine")
        """,
        1,
        "FAILED",
    ),
    "exception without one": (
        """
        recorder = Recorder(config(ROOT))
        play(recorder, 0)
        raise ValueError("mine")
        """,
        1,
        "FAILED",
    ),
    "Ctrl-C": (
        """
        with Recorder(config(ROOT)) as recorder:
            play(recorder, 0)
            raise KeyboardInterrupt
        """,
        None,
        "KILLED",
    ),
    "SIGTERM": (
        """
        recorder = Recorder(config(ROOT, pipeline={"handle_signals": True}))
        play(recorder, 0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        """,
        -signal.SIGTERM,
        "KILLED",
    ),
    "SIGTERM with a handler of the user's": (
        """
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
        recorder = Recorder(config(ROOT, pipeline={"handle_signals": True}))
        play(recorder, 0)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        """,
        7,
        "KILLED",
    ),
    "SIGTERM during close": (
        """
        recorder = Recorder(config(ROOT, pipeline={"handle_signals": True}))
        play(recorder, 0)
        commit = recorder._run.writer.close
        def slow_close():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.5)
            commit()
        recorder._run.writer.close = slow_close
        recorder.close()
        time.sleep(60)
        """,
        -signal.SIGTERM,
        "FINISHED",
    ),
    "SIGTERM during a callback": (
        """
        recorder = Recorder(config(ROOT, pipeline={"handle_signals": True}))
        play(recorder, 0)
        def terminate(_):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.2)
        def body(i, x):
            jax.debug.callback(terminate, x)
            return x + 1
        jax.jit(lambda x: jax.lax.fori_loop(0, 1000, body, x))(1.0)
        jax.effects_barrier()
        time.sleep(60)
        """,
        -signal.SIGTERM,
        "KILLED",
    ),
    "SIGTERM while HDF5 is at work for somebody else": (
        """
        import h5py
        recorder = Recorder(config(ROOT, pipeline={"handle_signals": True}))
        play(recorder, 0)
        def terminate(name):
            os.kill(os.getpid(), signal.SIGTERM)
        with h5py.File("mine.h5", "w", driver="core", backing_store=False) as file:
            file.create_group("group")
            file.visit(terminate)
        time.sleep(60)
        """,
        -signal.SIGTERM,
        "KILLED",
    ),
    "end of the program with a write in progress": (
        """
        recorder = Recorder(config(ROOT))
        write = recorder._run.store.write_segment
        writing = threading.Event()
        def slow_write(pending):
            writing.set()
            time.sleep(0.5)
            return write(pending)
        recorder._run.store.write_segment = slow_write
        play(recorder, 0)
        threading.Thread(target=recorder.flush, daemon=True).start()
        assert writing.wait(60)
        """,
        0,
        "FINISHED",
    ),
    "a recorder that a thread opened": (
        """
        def record():
            recorder = Recorder(config(ROOT, pipeline={"handle_signals": True}))
            play(recorder, 0)
        thread = threading.Thread(target=record)
        thread.start()
        thread.join()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        """,
        0,
        "FINISHED",
    ),
    "a callback of the user's that fails": (
        """
        def fail(_):
            raise RuntimeError("mine")
        try:
            with Recorder(config(ROOT)) as recorder:
                play(recorder, 0)
                jax.jit(lambda x: jax.debug.callback(fail, x))(1.0)
        except Exception as error:
            say(type(error))
        """,
        0,
        None,
    ),
    "a forked child that ends first": (
        """
        with Recorder(config(ROOT)) as recorder:
            play(recorder, 0)
            child = os.fork()
            if child:
                os.waitpid(child, 0)
            else:
                assert recorder.flush() is False
                recorder.log({"loss": 1.0}, step=1)
                recorder.tap(Step(reward=0.0, terminated=False))
        if child == 0:
            os._exit(0)
        """,
        0,
        "FINISHED",
    ),
}


Ended = tuple[int, str, ReplaySystem]


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[Ended]]:
    """Every way out, two processes at a time."""
    with ThreadPoolExecutor(2) as pool:
        return {
            way: pool.submit(run_child, tmp_path_factory.mktemp("runs"), body)
            for way, (body, _, _) in WAYS.items()
        }


@pytest.mark.parametrize("way", WAYS)
def test_a_way_out_leaves_a_complete_run(ends: dict[str, Future[Ended]], way: str):
    """What was pending is on disk, the status says how it ended, the index is there."""
    _, expected_code, status = WAYS[way]
    code, errors, run = ends[way].result()
    if expected_code is not None:
        assert code == expected_code, errors
    if status is not None:
        assert run.status == status, errors
    assert run.status != "RUNNING", errors
    assert (run.run_dir / "index.h5").is_file()
    assert episodes_of(run) == TEN_STEPS
    assert [event.type for event in run.events()] == ["run_start", "run_end"]
    assert run.problems == ()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_from_outside_ends_a_busy_loop(run_root: Path, number: signal.Signals):
    """Sent at any moment, also while a program runs: the run ends, nothing that arrived is lost."""
    child = Child(
        run_root,
        """
        with Recorder(config(ROOT, pipeline={"handle_signals": True, "flush_interval": 0.2})) as recorder:
            for n in range(100_000):
                play(recorder, 10 * n)
                if n == 5:
                    say("busy")
        """,
    )
    assert child.heard() == "busy"
    child.kill(number)
    code, errors = child.ended()
    assert code != 0
    run = child.run()
    assert run.status == "KILLED", errors
    found = episodes_of(run)
    assert len(found) >= 24
    whole = [episode for episode in found if len(episode) == 7]
    assert len(whole) >= len(found) - 2
    for env, *counts in whole:
        assert counts == list(range(counts[0], counts[0] + 6))
        assert counts[0] % 5 == 0
        assert env in (0, 1)
