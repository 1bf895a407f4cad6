"""Pictures drawn while the run goes on stay within their budget and choose well."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from painted_run import paint_episode, record_painted_run

import jaxarc
from jaxarc.config import EpisodeConfig, LiveConfig, VisualizationConfig
from jaxarc.replay import ReplaySystem
from jaxarc.storage import EpisodeManager
from jaxarc.visualization import EnhancedVisualizer, LiveDrawing


@pytest.fixture(scope="module")
def run(arc_run: ReplaySystem) -> ReplaySystem:
    """A run that drew nothing by itself."""
    return arc_run


def draw(run: ReplaySystem, folder: Path, **options: object) -> LiveDrawing:
    """Let live drawing hear of all episodes of a run at once, and wait until it is done."""
    manager = EpisodeManager(EpisodeConfig(), pictures_dir=folder / "episodes")
    config = LiveConfig.from_dict({"max_seconds": 600.0, **options})
    live = LiveDrawing(config, EnhancedVisualizer(VisualizationConfig(), manager), lambda: (run.run_dir, 0))
    live.committed(run.episodes())
    live.close()
    return live


def test_the_first_episode_is_drawn(run: ReplaySystem, tmp_path: Path) -> None:
    """The rule ``first`` draws exactly that one."""
    live = draw(run, tmp_path, rules=["first"])
    assert live.episodes_drawn == [0]
    assert [path.name for path in (tmp_path / "episodes").iterdir()] == ["episode_0000"]


def test_the_first_success_of_each_task_is_drawn(run: ReplaySystem, tmp_path: Path) -> None:
    """One episode a task, the earliest that solved it."""
    first: dict[str, int] = {}
    for row in run.episodes("success"):
        first.setdefault(row.task_id, row.episode)
    live = draw(run, tmp_path, rules=["first_success"])
    assert sorted(live.episodes_drawn) == sorted(first.values())
    assert first


def test_every_best_so_far_is_drawn(run: ReplaySystem, tmp_path: Path) -> None:
    """An episode that beats all before it is worth a picture."""
    best, expected = float("-inf"), []
    for row in run.episodes():
        if row.total_reward > best:
            best = row.total_reward
            expected.append(row.episode)
    live = draw(run, tmp_path, rules=["best"])
    assert sorted(live.episodes_drawn) == expected


def test_the_newest_waiting_episode_is_drawn_first(run: ReplaySystem, tmp_path: Path) -> None:
    """What waits is a stack: people look at what is going on now."""
    live = draw(run, tmp_path, rules=["capped_cubic"])
    assert live.episodes_drawn == sorted(live.episodes_drawn, reverse=True)
    assert {0, 1} <= set(live.episodes_drawn)


def test_the_number_of_files_is_bounded(run: ReplaySystem, tmp_path: Path) -> None:
    """No more files than the budget, and what was passed over is counted."""
    live = draw(run, tmp_path, rules=["capped_cubic"], max_files=4)
    assert live.files_drawn == len(list(tmp_path.rglob("*.svg"))) == 4
    assert live.episodes_passed_over >= 1


def test_no_seconds_draw_nothing(run: ReplaySystem, tmp_path: Path) -> None:
    """A budget of no time leaves every episode to drawing on demand."""
    live = draw(run, tmp_path, max_seconds=0.0)
    assert live.files_drawn == 0
    assert live.episodes_passed_over > 0


def test_a_drawing_that_fails_is_counted_and_the_others_go_on(run: ReplaySystem, tmp_path: Path) -> None:
    """The reader survives what it cannot draw, and says what it was."""
    blocked = tmp_path / "episodes"
    blocked.mkdir()
    (blocked / "episode_0000").write_text("in the way")
    live = draw(run, tmp_path, rules=["capped_cubic"])
    assert live.errors == 1
    assert "episode_0000" in live.first_error
    assert 1 in live.episodes_drawn


def test_a_recorder_draws_while_it_records(tmp_path: Path) -> None:
    """With live drawing on, a run has pictures when it is closed."""
    run = record_painted_run(tmp_path, live={"enabled": True})
    assert list(run.run_dir.glob("episodes/*/summary.svg"))


def test_an_episode_that_cannot_be_drawn_takes_no_place(tmp_path: Path) -> None:
    """The first picture is of the first episode that has one, and so is the first success of a task."""
    settings = {"capture": {"level": "verbose"}, "storage": {"base_output_dir": str(tmp_path)}}
    live = {"enabled": True, "rules": ["first", "first_success"], "max_seconds": 600.0}
    with jaxarc.Recorder({**settings, "visualization": {"live": live, "report": False}}) as recorder:
        for number, observed in enumerate((False, False, True, True)):
            paint_episode(recorder, 2, task="a", observed=observed)
            recorder.flush()
            wait_for_drawing(recorder, min(number + 1, 3))
    health = recorder.health()
    assert [path.name for path in pictures_of(recorder)] == ["episode_0002"]
    assert (health.drawn_episodes, health.passed_over_episodes, health.reader_errors) == (1, 2, 0)
    costs = jaxarc.open(recorder.run_dir).info["costs"]
    assert (costs["drawn_episodes"], costs["passed_over_episodes"]) == (1, 2)


def wait_for_drawing(recorder: jaxarc.Recorder, dealt_with: int) -> None:
    """Wait until so many episodes were drawn or passed over."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        health = recorder.health()
        if health.drawn_episodes + health.passed_over_episodes >= dealt_with:
            return
        time.sleep(0.01)


def pictures_of(recorder: jaxarc.Recorder) -> list[Path]:
    """Return the folders of the episodes that were drawn."""
    assert recorder.run_dir is not None
    return sorted((recorder.run_dir / "episodes").iterdir())


def test_every_stream_has_a_first_and_its_own_successes(tmp_path: Path) -> None:
    """What a stream trains on, another may be evaluated on: a task is solved first in each."""
    settings = {"capture": {"level": "verbose"}, "storage": {"base_output_dir": str(tmp_path)}}
    with jaxarc.Recorder({**settings, "visualization": {"live": {"enabled": False}}}) as recorder:
        for stream in ("train", "eval"):
            for solved in (False, True, True):
                paint_episode(recorder, 2, task="a", stream=stream, solved=solved)
    run = jaxarc.open(recorder.run_dir)
    assert sorted(draw(run, tmp_path / "first", rules=["first"]).episodes_drawn) == [0, 3]
    assert sorted(draw(run, tmp_path / "solved", rules=["first_success"]).episodes_drawn) == [1, 4]


def test_an_episode_stops_in_the_middle_when_the_seconds_are_spent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The summary is there; that the steps are not is counted and said."""
    caplog.set_level("INFO")
    run = record_painted_run(tmp_path, (50,))
    live = draw(run, tmp_path, rules=["first"], max_seconds=1e-9)
    assert [path.name for path in (tmp_path / "episodes" / "episode_0000").iterdir()] == ["summary.svg"]
    assert (live.files_drawn, live.episodes_cut_short, live.episodes_drawn) == (1, 1, [0])
    assert "jaxarc render draws the rest" in caplog.text


def test_no_episode_takes_all_files(tmp_path: Path) -> None:
    """A long one gets half of what is left, evenly spaced steps of it; the next one the same."""
    run = record_painted_run(tmp_path, (60, 60, 60))
    live = draw(run, tmp_path, rules=["capped_cubic"], max_files=40)
    counts = [len(list((tmp_path / "episodes" / f"episode_{n:04d}").iterdir())) for n in (1, 0)]
    assert counts == [20, 10]
    assert live.files_drawn == 30


def test_an_episode_larger_than_the_memory_is_read_in_parts(tmp_path: Path) -> None:
    """The same pictures, and at no time more of it in memory than is allowed; larger steps are not drawn."""
    settings = {"capture": {"level": "verbose"}, "storage": {"base_output_dir": str(tmp_path)}}
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (41, 84, 84, 4)).astype(np.uint8)
    silent = {**settings, "visualization": {"live": {"enabled": False}}}
    with jaxarc.Recorder(silent) as recorder, recorder.episode() as episode:
        for step in range(40):
            episode.step(images[step], np.int32(0), 0.0, images[step + 1], terminated=step == 39)
    run = jaxarc.open(recorder.run_dir)
    files, peaks = {}, {}
    for megabytes in (0.7, 1000.0):
        out = tmp_path / str(megabytes)
        tracemalloc.start()
        live = draw(run, out, rules=["first"], max_memory_mb=megabytes, max_files=90)
        peaks[megabytes] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert live.files_drawn == 41
        files[megabytes] = {path.name: path.read_bytes() for path in out.rglob("*.svg")}
    assert peaks[1000.0] - peaks[0.7] > images.nbytes / 2
    assert files[0.7] == files[1000.0]
    small = draw(run, tmp_path / "small", rules=["first"], max_memory_mb=0.2)
    assert (small.files_drawn, small.episodes_passed_over, small.errors) == (0, 1, 0)


def test_pictures_follow_a_run_that_goes_on_elsewhere(tmp_path: Path) -> None:
    """They are read where they were committed, and written where the run is now."""
    run = record_painted_run(tmp_path, (2, 2))
    visualizer = EnhancedVisualizer(VisualizationConfig(), EpisodeManager(EpisodeConfig(), run.run_dir))
    elsewhere = tmp_path / "elsewhere"
    told = iter([(run.run_dir, 0)])
    live = LiveDrawing(LiveConfig(rules=["first"]), visualizer, lambda: next(told, (elsewhere, 0)))
    live.committed(run.episodes())
    live.close()
    assert (elsewhere / "episodes" / "episode_0000" / "summary.svg").is_file()
    assert not (run.run_dir / "episodes").exists()
