"""StructuredLogger: the seed's calls, into the store of every other run."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jaxarc
from jaxarc import EpisodeLogEntry, StepLogEntry, StructuredLogger
from jaxarc.config import LoggingConfig
from jaxarc.errors import CaptureError, EpisodeNotFoundError, RecorderClosedError


@dataclass
class Board:
    """A state as an environment has it."""

    grid: Any
    similarity: Any


def state(step: int) -> dict[str, Any]:
    """Return a state with dtypes that are easily lost."""
    return {
        "board": Board(np.full((2, 3), step, np.int8), np.float16(step / 4)),
        "mask": np.array([True, step > 1]),
        "values": np.array([math.nan, math.inf, step], np.float32),
        "parts": (np.uint64(2**63 + step), step),
    }


def log(logger: StructuredLogger, number: int, steps: int = 3, **info: Any) -> None:
    """Log an episode."""
    logger.start_episode(number, f"task-{number}", "c0ffee")
    for step in range(steps):
        similarity = {"similarity": step / 10, "success": step == 2}
        action = {"operation": step, "selection": np.eye(2, dtype=bool)}
        picture = Path(f"step_{step:03d}.svg") if step else None
        logger.log_step(step, state(step), action, state(step + 1), 0.5, {**similarity, **info}, picture)


def assert_state(found: Any, step: int) -> None:
    """Compare a state that was loaded with the one that was logged, bit for bit."""
    expected = state(step)
    pairs = [
        (found["board"]["grid"], expected["board"].grid),
        (found["board"]["similarity"], expected["board"].similarity),
        (found["mask"], expected["mask"]),
        (found["values"], expected["values"]),
        (found["parts"][0], expected["parts"][0]),
        (found["parts"][1], np.int64(step)),
    ]
    for ours, theirs in pairs:
        assert (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())


def assert_logged(episode: EpisodeLogEntry, number: int) -> None:
    """Compare what ``log`` logged with what was loaded."""
    assert isinstance(episode, EpisodeLogEntry)
    assert (episode.episode_num, episode.task_id, episode.config_hash) == (number, f"task-{number}", "c0ffee")
    assert (episode.total_steps, episode.total_reward, episode.final_similarity) == (3, 1.5, 0.2)
    assert [step.step_num for step in episode.steps] == [0, 1, 2]
    assert episode.start_timestamp == episode.steps[0].timestamp <= episode.end_timestamp
    for index, step in enumerate(episode.steps):
        assert isinstance(step, StepLogEntry)
        assert_state(step.before_state, index)
        assert_state(step.after_state, index + 1)
        assert step.action["operation"] == index
        assert step.action["selection"].tolist() == [[True, False], [False, True]]
        assert step.reward == 0.5
        assert step.info["similarity"] == index / 10
        assert step.visualization_path == (f"step_{index:03d}.svg" if index else None)


@pytest.mark.parametrize("config", [None, LoggingConfig(format="json", compression=False)])
def test_what_was_logged_is_loaded_exactly(tmp_path: Path, config: LoggingConfig | None) -> None:
    """States with their dtypes, NaN and Inf; info with text, nothing and arrays; paths, hash and task."""
    logger = StructuredLogger(tmp_path, config)
    weights = np.array([math.nan, 0.5], np.float32)
    log(
        logger, 7, note="went left", missing=None, weights=weights, nested={"n": np.int16(3), "bad": math.nan}
    )
    current = logger.current_episode
    assert (current.total_steps, current.total_reward) == (3, 1.5)
    logger.end_episode("summary.svg")
    assert logger.current_episode is None
    log(logger, 8)
    logger.end_episode()
    other = StructuredLogger(tmp_path)
    for source in (logger, other):
        episode = source.load_episode(7)
        assert_logged(episode, 7)
        assert episode.summary_visualization_path == "summary.svg"
        info = episode.steps[1].info
        assert (info["note"], info["missing"], info["success"]) == ("went left", None, False)
        assert info["weights"].tobytes() == weights.tobytes()
        assert info["nested"]["n"].dtype == np.int16
        assert math.isnan(info["nested"]["bad"])
        assert source.load_episode(8).summary_visualization_path is None
        source.close()
    with pytest.raises(EpisodeNotFoundError, match="has a logged episode 9"):
        logger.load_episode(9)
    run = jaxarc.open(logger.run_dir)
    assert [(row.ended, row.success, row.complete) for row in run.episodes()] == [
        ("terminated", True, True)
    ] * 2
    assert run.status == "FINISHED"
    assert {path.suffix for path in (run.run_dir / "steps").iterdir()} == {".json" if config else ".h5"}


def test_no_jax_is_imported_and_a_killed_logger_keeps_what_was_flushed(tmp_path: Path) -> None:
    """A process without JAX that is killed in an episode: another one loads what was on disk, as ``cut``."""
    body = f"""
    import sys, time
    from jaxarc import StructuredLogger
    logger = StructuredLogger({str(tmp_path)!r})
    logger.start_episode(3, "t", "h")
    for step in range(40):
        logger.log_step(step, {{"x": step}}, {{"go": "left"}}, {{"x": step + 1}}, 1.0, {{"similarity": 0.25}})
    assert logger.flush()
    assert not {{"jax", "equinox"}} & set(sys.modules), "JAX was imported"
    print("flushed", flush=True)
    time.sleep(60)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(body)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline().strip() == "flushed"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with StructuredLogger(tmp_path) as reader:
        episode = reader.load_episode(3)
    assert (episode.total_steps, episode.total_reward, episode.final_similarity) == (40, 40.0, 0.25)
    assert [step.after_state["x"] for step in episode.steps] == list(range(1, 41))
    assert episode.steps[5].action == {"go": "left"}


def test_threads_log_episodes_of_their_own(tmp_path: Path) -> None:
    """The calls of one thread belong to the episode that it began."""
    with StructuredLogger(tmp_path) as logger:

        def work(first: int) -> None:
            for number in (first, first + 1):
                log(logger, number)
                logger.end_episode()

        threads = [threading.Thread(target=work, args=(10 * n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in (0, 1, 10, 11, 20, 21, 30, 31):
            assert_logged(logger.load_episode(number), number)


def test_calls_out_of_order_are_refused_and_a_new_start_cuts(tmp_path: Path) -> None:
    """Steps need an episode; the next one ends an open one; after close there is none."""
    logger = StructuredLogger(tmp_path)
    with pytest.raises(CaptureError, match="log_step outside of an episode; call start_episode first"):
        logger.log_step(0, state(0), {}, state(1), 0.0, {})
    with pytest.raises(CaptureError, match="end_episode outside of an episode"):
        logger.end_episode()
    assert logger.run_dir is None
    log(logger, 1)
    with pytest.raises(CaptureError, match=r"step.observation.name is a str, which is no array"):
        refuse(tmp_path)
    log(logger, 1, steps=2)
    logger.close()
    assert [row.ended for row in jaxarc.open(logger.run_dir).episodes()] == ["cut", "cut"]
    assert logger.load_episode(1).total_steps == 2
    with pytest.raises(RecorderClosedError, match="start_episode after close"):
        logger.start_episode(2, "t", "h")


def refuse(root: Path) -> None:
    """Log a state with text in it."""
    with StructuredLogger(root) as logger:
        logger.start_episode(0, "t", "h")
        logger.log_step(0, {"name": "x"}, None, {"name": "y"}, 0.0)


def test_structured_logging_false_logs_nothing(tmp_path: Path) -> None:
    """The calls go on working; nothing is on disk."""
    with StructuredLogger(tmp_path, LoggingConfig(structured_logging=False)) as logger:
        log(logger, 1)
        logger.end_episode("summary.svg")
    assert list(tmp_path.iterdir()) == []


def test_an_episode_has_its_own_notes_and_picture(tmp_path: Path) -> None:
    """Of two with one number the last is loaded, with nothing of the first; notes are copies."""
    note = {"values": np.zeros(2, np.float32), "parts": ["a"]}
    with StructuredLogger(tmp_path) as logger:
        log(logger, 1, note="first")
        logger.end_episode("first.svg")
        log(logger, 1, steps=100, note=note)
        note["values"][:] = 7
        note["parts"].append("b")
        logger.end_episode()
        episode = logger.load_episode(1)
        assert logger.health().accepted_events < 10
    assert episode.summary_visualization_path is None
    assert {str(step.info["note"]) for step in episode.steps} == {
        "{'values': array([0., 0.], dtype=float32), 'parts': ['a']}"
    }


def test_a_logger_ends_as_its_block_does(tmp_path: Path) -> None:
    """The status says whether the block failed; what was logged before is there."""
    for error, status in ((None, "FINISHED"), (ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")):
        with suppress(ValueError, KeyboardInterrupt), StructuredLogger(tmp_path) as logger:
            log(logger, 1, note="x")
            if error is not None:
                raise error
        run = jaxarc.open(logger.run_dir)
        assert run.status == status
        assert logger.load_episode(1).steps[2].info["note"] == "x"
        assert not logger.health().losses


@pytest.mark.parametrize(
    ("info", "says"),
    [
        ({"similarity": "high"}, r"info\['similarity'\] is 'high'; it is one number"),
        ({"success": np.zeros(3)}, r"step.success has shape \[3\]"),
        ([1], "info is a list; give a mapping"),
    ],
)
def test_an_info_that_says_nothing_is_refused(tmp_path: Path, info: Any, says: str) -> None:
    """By name, as every other value."""
    with StructuredLogger(tmp_path) as logger:
        logger.start_episode(0, "t", "h")
        with pytest.raises(CaptureError, match=says):
            logger.log_step(0, None, None, None, 0.0, info)
