"""Recorded episodes become what a picture needs to know, and files."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from arc_run import TASK_IDS, record_arc_run

from jaxarc.config import EpisodeConfig, VisualizationConfig
from jaxarc.envs.operation_names import OPERATION_NAMES
from jaxarc.errors import NotRecordedError, StorageError
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views import episode_summary, step_pictures
from jaxarc.replay.views.pictures import bytes_of_a_step, each_step_picture
from jaxarc.storage import EpisodeManager
from jaxarc.visualization import EnhancedVisualizer


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """A run with every step of every episode."""
    return record_arc_run(tmp_path_factory.mktemp("pictures"))


def visualizer(run: ReplaySystem, folder: Path, **options: object) -> EnhancedVisualizer:
    """Return a visualizer that draws into ``folder``."""
    config = VisualizationConfig.from_dict(options)
    return EnhancedVisualizer(config, EpisodeManager(EpisodeConfig(), folder))


def test_a_step_shows_the_boards_the_selection_and_what_is_still_wrong(run: ReplaySystem) -> None:
    """Every picture's data is the recorded arrays, step by step."""
    episode = run.load_episode(0)
    pictures = step_pictures(episode)
    assert [picture.step_num for picture in pictures] == list(range(episode.total_steps))
    for i, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture.before_grid, episode.observation[i])
        np.testing.assert_array_equal(picture.after_grid, episode.observation[i + 1])
        np.testing.assert_array_equal(picture.selection_mask, episode.action["selection"][i])
        np.testing.assert_array_equal(picture.target_grid, episode.constants["target"])
        assert picture.operation_name == OPERATION_NAMES[int(episode.action["operation"][i])]
        assert picture.similarity == pytest.approx(float(episode.metrics["similarity"][i]))
    assert pictures[-1].ended == episode.ended
    assert pictures[-1].success == episode.success
    assert {picture.ended for picture in pictures[:-1]} <= {""}


def test_a_summary_has_the_whole_curve_and_a_few_boards(run: ReplaySystem) -> None:
    """The curves have one value a stored step; the boards are the first, the last and some between."""
    episode = run.load_episode(0)
    summary = episode_summary(episode)
    assert len(summary.reward_progression) == len(summary.similarity_progression) == episode.total_steps
    assert summary.key_moments[0] == 0
    assert summary.key_moments[-1] == episode.total_steps - 1
    assert summary.task_id in TASK_IDS
    assert summary.final_similarity == pytest.approx(episode.similarity_last)


def test_pictures_that_are_read_in_parts_are_the_same(run: ReplaySystem) -> None:
    """Whatever is read at once, every step's data are those of the whole episode."""
    episode = run.load_episode(0)
    whole = step_pictures(episode)
    for steps_at_once in (1, 3):
        parts = list(each_step_picture(episode, max_bytes=steps_at_once * bytes_of_a_step(episode)))
        assert [part.step_num for part in parts] == [picture.step_num for picture in whole]
        for part, picture in zip(parts, whole, strict=True):
            np.testing.assert_array_equal(part.before_grid, picture.before_grid)
            np.testing.assert_array_equal(part.after_grid, picture.after_grid)
            np.testing.assert_array_equal(part.selection_mask, picture.selection_mask)
            assert part.info == picture.info


def test_drawing_an_episode_twice_gives_the_same_bytes(run: ReplaySystem, tmp_path: Path) -> None:
    """Pictures carry no time and no chance, and every one of them is valid XML."""
    first = visualizer(run, tmp_path / "a").visualize_episode(run.load_episode(0))
    second = visualizer(run, tmp_path / "b").visualize_episode(run.load_episode(0))
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    for path in first:
        ElementTree.parse(path)
    assert len(first) == run.load_episode(0).total_steps + 1


def test_output_formats_and_image_quality_decide_the_files(run: ReplaySystem, tmp_path: Path) -> None:
    """A PNG beside the SVG when it is asked for, larger at higher quality."""
    sizes = []
    for quality in ("low", "medium", "high"):
        draw = visualizer(run, tmp_path / quality, output_formats=["svg", "png"], image_quality=quality)
        paths = draw.visualize_episode_summary(run.load_episode(0), 0)
        assert [path.suffix for path in paths] == [".svg", ".png"]
        content = paths[1].read_bytes()
        assert content.startswith(b"\x89PNG")
        sizes.append(int.from_bytes(content[16:20], "big"))
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.parametrize(
    "option",
    [
        {"show_coordinates": True},
        {"show_operation_names": False},
        {"highlight_changes": False},
        {"include_metrics": False},
        {"show_digits": True},
        {"color_scheme": "colorblind"},
        {"color_scheme": "high_contrast"},
        {"theme": "dark"},
    ],
    ids=lambda option: "-".join(f"{key}={value}" for key, value in option.items()),
)
def test_every_look_changes_the_picture(run: ReplaySystem, tmp_path: Path, option: dict[str, object]) -> None:
    """No field of the configuration is without effect, in no format."""
    episode = run.load_episode(0)
    both = {"output_formats": ["svg", "png"], "image_quality": "low"}
    plain = visualizer(run, tmp_path / "plain", **both).visualize_episode(episode, max_files=4)
    changed = visualizer(run, tmp_path / "changed", **both, **option).visualize_episode(episode, max_files=4)
    assert [path.suffix for path in plain] == [".svg", ".png"] * 2
    for kind in (".svg", ".png"):
        before, after = (
            [path.read_bytes() for path in paths if path.suffix == kind] for paths in (plain, changed)
        )
        assert before != after


def test_the_most_files_are_spread_over_the_episode(run: ReplaySystem, tmp_path: Path) -> None:
    """A budget of three draws the summary, the first step and the last."""
    episode = run.load_episode(0)
    paths = visualizer(run, tmp_path).visualize_episode(episode, max_files=3)
    last = episode.total_steps - 1
    assert [path.name for path in paths] == ["summary.svg", "step_000.svg", f"step_{last:03d}.svg"]


def test_a_comparison_names_every_episode(run: ReplaySystem, tmp_path: Path) -> None:
    """The picture of two episodes is valid and tells them apart."""
    episodes = [run.load_episode(0), run.load_episode(1)]
    svg = visualizer(run, tmp_path).create_comparison_visualization(episodes, "similarity_progression")
    words = " ".join(ElementTree.fromstring(svg).itertext())
    assert "0" in words
    assert "1" in words


def test_a_step_can_be_drawn_from_live_states(run: ReplaySystem, tmp_path: Path) -> None:
    """The seed's call draws boards and actions that were never recorded."""
    episode = run.load_episode(0)
    draw = visualizer(run, tmp_path)
    draw.episode_manager.start_new_episode(7)
    before, after = episode.observation[0], episode.observation[1]
    action = {"operation": episode.action["operation"][0], "selection": episode.action["selection"][0]}
    paths = draw.visualize_step(before, action, after, 0.5, {"similarity": 0.25}, 3)
    assert [path.name for path in paths] == ["step_003.svg"]
    assert paths[0].parent.name == "episode_0007"
    assert "Step 3" in " ".join(ElementTree.parse(paths[0]).getroot().itertext())


def test_a_step_needs_an_episode_to_belong_to(run: ReplaySystem, tmp_path: Path) -> None:
    """Without one the error says what to call first."""
    board = run.load_episode(0).observation[0]
    with pytest.raises(StorageError, match="start_new_episode"):
        visualizer(run, tmp_path).visualize_step(board, {}, board, 0.0, {}, 0)


def test_an_episode_without_steps_is_not_drawn(tmp_path: Path) -> None:
    """At level minimal there is nothing to draw, and the error says which level stores steps."""
    minimal = record_arc_run(tmp_path, level="minimal")
    with pytest.raises(NotRecordedError, match=r"capture\.level"):
        visualizer(minimal, tmp_path / "out").visualize_episode(minimal.load_episode(0))


def test_key_steps_are_drawn_where_only_those_are_stored(tmp_path: Path) -> None:
    """At level standard there is a picture for every stored step, under its own number."""
    standard = record_arc_run(tmp_path, level="standard", key_steps=3)
    long_ones = [row for row in standard.episodes() if row.total_steps > 3]
    episode = standard.load_episode(long_ones[0].episode)
    paths = visualizer(standard, tmp_path / "out").visualize_episode(episode)
    assert [path.stem for path in paths[1:]] == [f"step_{step:03d}" for step in episode.step]
    assert len(episode.step) == 3
