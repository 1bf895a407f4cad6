"""What ``recorder.episode`` promises a plain Python loop."""

from __future__ import annotations

import threading
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recording

import jaxarc
from jaxarc import Recorder
from jaxarc.errors import CaptureError, NotRecordedError, RecorderClosedError

BOARD = np.arange(6, dtype=np.int8).reshape(2, 3)


@pytest.fixture
def recorder(run_root: Path) -> Any:
    """A recorder of every step."""
    with Recorder(recording.config(run_root)) as opened:
        yield opened


def closed(recorder: Recorder) -> Any:
    """Close a recorder and open its run."""
    recorder.close()
    return recording.read(recorder)


def test_an_environment_may_use_its_arrays_again(recorder: Recorder) -> None:
    """Every array is copied in ``step``: one buffer that is written over and over gives different frames."""
    frame, following = np.zeros(3), np.zeros(3)
    target = np.full(4, 7)
    with recorder.episode(constants={"target": target}) as episode:
        for step in range(70):
            frame[:], following[:] = step, step + 1
            target[:] = -1
            episode.step(frame, step, 0.5, following, step == 69)
    read = closed(recorder).load_episode(0)
    assert read.observation[:, 0].tolist() == list(range(71))
    assert read.action.tolist() == list(range(70))
    assert read.constants["target"].tolist() == [7] * 4
    assert read.complete


def test_dtypes_stay_as_numpy_has_them(recorder: Recorder) -> None:
    """64-bit numbers stay 64-bit, Python numbers are int64, float64 and bool; NaN and Inf pass."""
    Pose = namedtuple("Pose", "x y")

    @dataclass
    class Memory:
        cells: Any
        seen: bool

    info = {
        "big": np.int64(2**40),
        "half": np.float16(0.5),
        "pose": Pose(1, 2.5),
        "memory": Memory(np.array([True, False]), True),
        "pair": [np.float64("nan"), float("-inf")],
        "swapped": np.array([1, 2], ">i4"),
    }
    with recorder.episode() as episode:
        episode.step(np.array([np.nan, np.inf]), 3, 1, None, False, True, info=info)
    read = closed(recorder).load_episode(0)
    assert read.observation.dtype == np.float64
    assert np.isnan(read.observation[0, 0])
    assert (read.action.dtype, read.reward.dtype) == (np.int64, np.float64)
    assert read.info["big"].tolist() == [2**40]
    assert read.info["half"].dtype == np.float16
    assert read.info["pose"]["x"].dtype == np.int64
    assert read.info["pose"]["y"].tolist() == [2.5]
    assert read.info["memory"]["cells"].tolist() == [[True, False]]
    assert read.info["pair"][1].tolist() == [-np.inf]
    assert read.info["swapped"].tolist() == [[1, 2]]
    assert read.last_observation_lost


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"observation": BOARD.astype(np.int16)}, "step.observation is int16 of shape"),
        (
            {"observation": BOARD[:1]},
            r"is int8 of shape \[1, 3\], but int8 of shape \[2, 3\]",
        ),
        ({"action": {"move": 1}}, "step.action.turn is absent"),
        ({"action": {"move": 1, "turn": 2, "jump": 3}}, "step.action.jump is new"),
        ({"action": {"move": 1.5, "turn": 2}}, "step.action.move is float64, but int64"),
        ({"action": {"move": 2**70, "turn": 2}}, "step.action.move is 1180591620717411303424"),
        ({"next_observation": None}, "step.next_observation is absent"),
        ({"metrics": {"other": 1.0}}, "step.metrics.closeness is absent"),
        ({"info": 5}, "step.info is new"),
        ({"reward": [1.0, 2.0]}, "step.reward"),
        ({"terminated": np.array([True, False])}, r"step.terminated has shape \[2\], it is one flag"),
        ({"success": "yes"}, "step.success is a str, it is one flag"),
    ],
)
def test_a_step_that_differs_from_the_first_is_refused_by_name(
    recorder: Recorder, change: dict[str, Any], words: str
) -> None:
    """The error names the leaf, what it is and what it was; the episode goes on without that step."""
    plain = {
        "observation": BOARD,
        "action": {"move": 1, "turn": 2},
        "reward": 1.0,
        "next_observation": BOARD,
        "metrics": {"closeness": 0.5},
    }
    with recorder.episode() as episode:
        episode.step(**plain)
        with pytest.raises(CaptureError, match=words):
            episode.step(**{**plain, **change})
        episode.step(**{**plain, "terminated": True})
    (row,) = closed(recorder).episodes()
    assert (row.total_steps, row.ended) == (2, "terminated")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("text", "step.info.leaf is a str, which is no array"),
        (object(), "step.info.leaf is a object, which is no array"),
        (np.array([object()]), "step.info.leaf is an array of object"),
        (np.array(["a"]), "step.info.leaf is an array of <U1"),
        (np.datetime64("2020-01-01"), "step.info.leaf is an array of datetime64"),
        (np.zeros(2, [("a", "i4")]), "step.info.leaf is an array of"),
        (
            np.lib.stride_tricks.as_strided(np.zeros(1, np.uint8), (1 << 30,), (0,)),
            r"the largest leaf is step.info.leaf, \[1073741824\] of uint8\), the limit is pipeline.queue_b",
        ),
    ],
)
def test_what_is_no_array_of_numbers_is_refused_with_its_path(
    recorder: Recorder, value: Any, words: str
) -> None:
    """Text, objects, dates, records, and a leaf of a gigabyte, which is refused before it is copied."""
    with recorder.episode() as episode, pytest.raises(CaptureError, match=words):
        episode.step(BOARD, 1, 0.0, BOARD, info={"leaf": value})


def test_what_the_level_does_not_store_is_not_looked_at(run_root: Path) -> None:
    """At ``minimal`` an observation may be anything; at ``off`` everything may, and nothing is on disk."""
    with Recorder(recording.config(run_root, "minimal")) as recorder, recorder.episode() as episode:
        episode.step(object(), "left", 2, terminated=True)
    (row,) = recording.read(recorder).episodes()
    assert (row.total_steps, row.total_reward, row.stored_steps) == (1, 2.0, 0)
    with Recorder(recording.config(run_root, "off")) as recorder, recorder.episode(task="x") as episode:
        episode.step(object(), "left", None)
    assert recorder.run_dir is None


def fail_within(episode: Any) -> None:
    """Leave an episode by an exception."""
    with episode:
        episode.step(BOARD, 0, 0.0, BOARD)
        raise KeyError


def test_how_an_episode_ends(recorder: Recorder) -> None:
    """Terminal steps end it; leaving the block does as ``cut``, and an exception passes; nothing follows."""
    with recorder.episode() as terminated:
        terminated.step(BOARD, 0, 0.0, BOARD, terminated=np.bool_(True))
        with pytest.raises(CaptureError, match=r"the episode ended with its step 0; open the next one"):
            terminated.step(BOARD, 0, 0.0, BOARD)
    with recorder.episode() as truncated:
        truncated.step(BOARD, 0, 0.0, BOARD, truncated=True)
    with pytest.raises(KeyError):
        fail_within(recorder.episode())
    with recorder.episode() as flushed:
        flushed.step(BOARD, 0, 0.0, BOARD)
        assert recorder.flush()
    with recorder.episode():
        pass  # no step, no episode
    left_open = recorder.episode()
    left_open.step(BOARD, 0, 0.0, BOARD)
    run = closed(recorder)
    assert [row.ended for row in run.episodes()] == ["terminated", "truncated", "cut", "cut", "cut"]
    assert [(row.start_step, row.end_step) for row in run.episodes()] == [(n, n + 1) for n in range(5)]
    with pytest.raises(RecorderClosedError, match=r"episode.step after the recorder was closed"):
        left_open.step(BOARD, 0, 0.0, BOARD)
    with pytest.raises(RecorderClosedError, match=r"recorder.episode after close"):
        recorder.episode()
    left_open.close()


def test_a_flush_makes_the_steps_of_open_episodes_durable(recorder: Recorder) -> None:
    """What was stepped before ``flush`` is on disk, though its episode goes on; and it goes on right."""
    with recorder.episode(task="a") as episode:
        for step in range(3):
            episode.step(np.full(2, step), step, 1.0, np.full(2, step + 1))
        assert recorder.flush()
        open_now = jaxarc.open(recorder.run_dir).episodes()
        assert [(row.total_steps, row.task_id) for row in open_now] == [(3, "a")]
        for step in range(3, 5):
            episode.step(np.full(2, step), step, 1.0, np.full(2, step + 1), step == 4)
    read = closed(recorder).load_episode(0)
    assert read.observation[:, 0].tolist() == list(range(6))
    assert read.complete


def test_tasks_are_learnt_by_name_and_labels_are_columns(recorder: Recorder) -> None:
    """A name gets a number at first sight; names that were given before keep theirs."""
    recorder.names(task=["one", "two"])
    for task in ("two", "three", 1, "three", None):
        with recorder.episode(task=task, seed=7, labels={"mode": "easy", "size": np.int8(3)}) as episode:
            episode.step(BOARD, 0, 0.0, BOARD, True)
    with pytest.raises(CaptureError, match=r"value 2 of task is 'three' already"):
        recorder.names(task=["one", "two", "four"])
    run = closed(recorder)
    rows = list(run.episodes())
    assert [row.task_id for row in rows] == ["two", "three", "two", "three", ""]
    assert [row.task for row in rows] == [1, 2, 1, 2, -1]
    assert {(row.seed, row["size"], row.mode_id) for row in rows} == {(7, 3, "easy")}
    assert len(list(run.episodes("task_id == 'three'"))) == 2


def test_lanes_are_given_out_and_given_back(recorder: Recorder) -> None:
    """An episode takes the lowest free environment, or the one it asks for; two can't have the same."""
    with recorder.episode() as first, recorder.episode() as second, recorder.episode(env_id=5) as fifth:
        assert (first.env_id, second.env_id, fifth.env_id) == (0, 1, 5)
        with pytest.raises(CaptureError, match="an episode of env_id=5 is open already in stream train"):
            recorder.episode(env_id=5)
        with recorder.episode(env_id=5, member=1) as other, recorder.episode(stream="eval") as evaluated:
            assert (other.env_id, evaluated.env_id) == (5, 0)
    with recorder.episode() as again:
        assert again.env_id == 0
    with pytest.raises(CaptureError, match=r"env_id=4 is outside of num_envs=4"):
        recorder.episode(env_id=4, num_envs=4)
    with pytest.raises(CaptureError, match=r"member=-1; it is a whole number"):
        recorder.episode(member=-1)


def test_envs_select_as_in_a_program(run_root: Path) -> None:
    """Ids count always, a count where ``num_envs`` says of how many."""

    def stored(envs: Any, **options: Any) -> list[int]:
        with Recorder(recording.config(run_root, capture={"envs": envs})) as recorder:
            for env_id in range(4):
                with recorder.episode(env_id=env_id, **options) as episode:
                    episode.step(BOARD, 0, 0.0, BOARD, True)
        return [row.stored_steps for row in recording.read(recorder).episodes()]

    assert stored((1, 3)) == [0, 1, 0, 1]
    assert stored(2) == [1, 1, 1, 1]
    assert stored(2, num_envs=4) == [1, 0, 1, 0]


def test_episodes_of_many_threads_do_not_mix(recorder: Recorder) -> None:
    """Eight threads with two open episodes each: every step is in its episode once, in order."""

    def play(worker: int) -> None:
        for number in range(6):
            with recorder.episode(labels={"worker": worker}) as one, recorder.episode(update=number) as other:
                for step in range(40):
                    one.step(
                        np.int32([worker, number, step]), step, 1.0, np.int32([worker, number, step + 1])
                    )
                    other.step({"at": step}, step, 2, {"at": step + 1}, step == 39, metrics={"m": step})

    threads = [threading.Thread(target=play, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    health = recorder.health
    run = closed(recorder)
    assert (health().env_steps, health().errors) == (8 * 6 * 80, 0)
    labelled = list(run.episodes("worker >= 0"))
    others = list(run.episodes("worker < 0", sort="update"))
    assert len(labelled) == len(others) == 48
    seen = set()
    for row in labelled:
        frames = run.load_episode(row.episode).observation
        assert frames[:, 2].tolist() == list(range(41))
        assert (frames[:, 0] == row.worker).all()
        seen.add((row.worker, int(frames[0, 1])))
    assert len(seen) == 48
    assert [row.update for row in others] == sorted([*range(6)] * 8)
    assert {row.m_last for row in others} == {39.0}
    assert {row.env_id for row in [*labelled, *others]} <= set(range(16))


def test_a_program_and_a_loop_may_share_a_stream(recorder: Recorder) -> None:
    """Their lanes are apart: neither cuts or continues an episode of the other."""
    import jax

    count = jax.numpy.zeros(1, "int32")
    scan = jax.jit(lambda count: recorder.scan(recording.light_body, count, length=4)[0])
    with recorder.episode() as episode:
        episode.step(BOARD, 0, 0.0, BOARD)
        count = scan(count)
        recorder.flush()
        episode.step(BOARD, 0, 0.0, BOARD, True)
        scan(count)
    rows = list(closed(recorder).episodes())
    assert sorted((row.total_steps, row.ended) for row in rows) == [
        (2, "terminated"),
        (3, "cut"),
        (5, "terminated"),
    ]


def test_episodes_of_other_kinds_do_not_take_over_each_others_dtypes(recorder: Recorder) -> None:
    """What is kept of one episode for the next serves it only if its first step is of the same kind."""
    given: list[tuple[Any, Any, dict[str, Any] | None]] = [
        (np.float32([1]), np.float32(0.5), {"m": np.float32(1)}),
        (np.float32([1]), 0.1, {"m": 0.1}),
        (np.float32([1]), 1, {"m": 1}),
        (np.float32([2]), np.float32(0.5), {"m": np.float32(1)}),
        ({"x": 1}, 1.0, None),
        ({"x": 1.5}, 1.0, None),
        ({"y": 1}, 1.0, None),
        ({"x": 2}, 1.0, None),
    ]
    for observation, reward, metrics in given:
        for following in (observation, None):
            with recorder.episode(constants={"c": np.full(2, reward)}) as episode:
                episode.step(observation, 0, reward, following, True, metrics=metrics)
    run = closed(recorder)
    for number, (observation, reward, _) in enumerate(given):
        for other in (0, 1):
            read = run.load_episode(2 * number + other)
            expected = np.asarray(float(reward) if type(reward) is int else reward)
            assert (read.reward.dtype, read.reward[0]) == (expected.dtype, expected)
            assert read.last_observation_lost == bool(other)
            assert read.constants["c"].tolist() == [reward] * 2
            if isinstance(observation, dict):
                (name,) = observation
                assert read.observation[name].tolist()[0] == observation[name]
                assert read.observation[name].dtype == np.asarray(observation[name]).dtype


def test_an_episode_may_bring_metrics_and_labels_that_are_new(recorder: Recorder) -> None:
    """Episodes that are written together keep their rows and steps; what one of them lacks is NaN."""
    for number, names in enumerate(((), ("a", "b", "c"), ("c",))):
        labels = {"level": number} if number == 2 else {}
        with recorder.episode(task=f"t{number}", labels=labels) as episode:
            for step in range(3):
                metrics = {name: float(step) for name in names}
                episode.step(np.full(2, step), step, 1.0, None, terminated=step == 2, metrics=metrics)
    run = closed(recorder)
    assert [row.stored_steps for row in run.episodes()] == [3, 3, 3]
    assert np.isnan(run.episodes()["a_last"][[0, 2]]).all()
    assert run.episodes()["c_last"].tolist()[1:] == [2.0, 2.0]
    assert sorted(run.load_episode(1).metrics) == ["a", "b", "c"]
    assert run.problems == ()


def test_keep_rules_window_and_budgets_hold_for_loops(run_root: Path) -> None:
    """An episode that no rule keeps has its row, and the steps before a mark where a window says so."""
    config = recording.config(run_root, capture={"keep": ["success"], "window": 2})
    with Recorder(config) as recorder:
        for number in range(3):
            with recorder.episode() as episode:
                for step in range(8):
                    mark = True if number == 1 and step == 5 else None
                    episode.step(
                        np.int8([step]), step, 0.0, np.int8([step + 1]), mark=mark, success=number == 2
                    )
    run = recording.read(recorder)
    assert [row.stored_steps for row in run.episodes()] == [0, 3, 8]
    assert run.load_episode(1).step.tolist() == [3, 4, 5]
    with pytest.raises(NotRecordedError):
        _ = run.load_episode(0).observation


@pytest.mark.parametrize(
    ("give", "words"),
    [
        (lambda r: r.episode(labels={"member": 1}), "step.labels.member or its column"),
        (lambda r: r.episode(labels={"speed": 1.5}), "step.labels.speed is float64, labels are integers"),
        (lambda r: r.episode(labels={"pair": [1, 2]}), "step.labels.pair is a list, which is no array"),
        (lambda r: r.episode(constants={"name": "x"}), "step.episode.name is a str"),
        (lambda r: r.episode(seed=2**70), "step.labels.seed is 1180591620717411303424"),
        (lambda r: r.episode().step(BOARD, 0, None), "step.reward is missing"),
        (lambda r: r.episode().step(BOARD, 0, np.zeros(2)), r"step.reward has shape \[2\]"),
        (lambda r: r.episode().step(BOARD, 0, 1j), "step.reward is complex128, scalars are real"),
        (lambda r: r.episode().step(BOARD, 0, 1.0, metrics=3), "step.metrics is a int"),
        (
            lambda r: r.episode().step(BOARD, 0, 1.0, metrics={"m": BOARD}),
            r"step.metrics.m has shape \[2, 3\]",
        ),
        (lambda r: r.episode().step(BOARD, 0, 1.0, BOARD[:1]), "both need the same structure"),
    ],
)
def test_arguments_that_cannot_be_recorded_are_named(
    recorder: Recorder, give: Callable[[Recorder], Any], words: str
) -> None:
    """The first step and the episode's own arguments are refused in the words of a program's Step."""
    with pytest.raises(CaptureError, match=words):
        give(recorder)
