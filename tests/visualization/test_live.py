"""Pictures drawn while the run goes on stay within their budget and choose well."""

from __future__ import annotations

from pathlib import Path

import pytest
from arc_run import record_arc_run

from jaxarc.config import EpisodeConfig, LiveConfig, VisualizationConfig
from jaxarc.replay import ReplaySystem
from jaxarc.storage import EpisodeManager
from jaxarc.visualization import EnhancedVisualizer, LiveDrawing


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """A run that drew nothing by itself."""
    return record_arc_run(tmp_path_factory.mktemp("live"), num_steps=48)


def draw(run: ReplaySystem, folder: Path, **options: object) -> LiveDrawing:
    """Let live drawing hear of all episodes of a run at once, and wait until it is done."""
    manager = EpisodeManager(EpisodeConfig(), folder)
    config = LiveConfig.from_dict({"max_seconds": 60.0, **options})
    live = LiveDrawing(config, EnhancedVisualizer(VisualizationConfig(), manager), run.run_dir)
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
    run = record_arc_run(tmp_path, live=True)
    assert list(run.run_dir.glob("episodes/*/summary.svg"))
