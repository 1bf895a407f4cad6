"""EnhancedVisualizer draws what it is given, in every format, and tells whoever was given to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import jaxarc
from jaxarc.config import EpisodeConfig, VisualizationConfig
from jaxarc.errors import RenderError
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.storage import EpisodeManager
from jaxarc.visualization.episode_files import Drawing

BEFORE = np.zeros((3, 3), np.int8)
AFTER = np.eye(3, dtype=np.int8)
ACTION = {"operation": 1, "selection": np.eye(3, dtype=bool)}


def visualizer(folder: Path, *others: Any, **options: object) -> jaxarc.EnhancedVisualizer:
    """Return a visualizer that draws into ``folder``, where episode 7 was started."""
    manager = EpisodeManager(EpisodeConfig(), folder)
    manager.start_new_episode(7)
    return jaxarc.EnhancedVisualizer(VisualizationConfig.from_dict(options), manager, *others)


def draw_step(draw: jaxarc.EnhancedVisualizer, step_num: int = 0) -> list[Path]:
    """Draw one step of hand-made boards."""
    return draw.visualize_step(BEFORE, ACTION, AFTER, 0.5, {"similarity": 0.25, "value": 2.0}, step_num)


def summary(**changes: Any) -> EpisodeSummaryData:
    """Return the summary of an episode of two steps."""
    facts: dict[str, Any] = {
        "episode_num": 7,
        "total_steps": 2,
        "total_reward": 1.5,
        "reward_progression": [0.5, 1.0],
        "similarity_progression": [0.25, 1.0],
        "final_similarity": 1.0,
        "task_id": "007bbfb7",
        "success": True,
        "key_moments": [],
        "step_nums": [0, 1],
        "ended": "terminated",
    }
    return EpisodeSummaryData(**{**facts, **changes})


class Heard:
    """A tracker that remembers what it was told."""

    def __init__(self) -> None:
        self.steps: list[tuple[Any, ...]] = []
        self.episodes: list[tuple[Any, ...]] = []

    def log_step(self, step_num: int, metrics: dict[str, Any], images: dict[str, Any] | None = None) -> None:
        """Remember a step."""
        self.steps.append((step_num, metrics, images))

    def log_episode_summary(
        self, episode_num: int, summary_data: dict[str, Any], summary_image: Any | None = None
    ) -> None:
        """Remember an episode."""
        self.episodes.append((episode_num, summary_data, summary_image))


def test_a_tracker_gets_the_numbers_and_a_png_of_what_is_drawn(tmp_path: Path) -> None:
    """Of a step its reward, similarity and scalars; of an episode how it went."""
    heard = Heard()
    draw = visualizer(tmp_path, None, heard)
    draw_step(draw, 3)
    draw.visualize_episode_summary(summary(), 7)
    ((number, metrics, images),) = heard.steps
    assert (number, metrics) == (3, {"reward": 0.5, "similarity": 0.25, "value": 2.0})
    assert images["step"].startswith(b"\x89PNG")
    ((number, facts, image),) = heard.episodes
    assert (number, facts["total_reward"], facts["success"]) == (7, 1.5, True)
    assert image.startswith(b"\x89PNG")


def test_a_step_that_is_drawn_is_recorded_where_a_logger_is_given(run_root: Path) -> None:
    """The logger of a recorder makes an episode of the steps; its summary ends it."""
    with jaxarc.Recorder({"storage": {"base_output_dir": str(run_root)}}) as recorder:
        assert recorder.run_dir is not None
        draw = visualizer(recorder.run_dir, recorder.async_logger)
        for step in range(2):
            draw_step(draw, step)
        draw.visualize_episode_summary(summary(), 7)
    (row,) = jaxarc.open(recorder.run_dir).episodes()
    assert (row.stream, row.total_steps, row.success, row.ended) == ("visualization", 2, True, "terminated")


def test_what_was_read_from_a_run_is_not_recorded_again(run_root: Path) -> None:
    """Its episodes are drawn as often as one likes; the run stays as long as it is."""
    config = {"storage": {"base_output_dir": str(run_root)}, "capture": {"level": "verbose"}}
    with jaxarc.Recorder(config) as recorder:
        draw_step(visualizer(run_root, recorder.async_logger))
        recorder.flush()
        recorder.async_logger.log_episode_summary(summary())
        recorder.flush()
        assert recorder.run_dir is not None
        episode = jaxarc.open(recorder.run_dir).load_episode(0)
        visualizer(run_root, recorder.async_logger).visualize_episode_summary(episode, 0)
        recorder.flush()
        assert recorder.health().episodes == 1


def test_a_step_as_a_page_is_its_picture_and_asks_the_network_for_nothing(tmp_path: Path) -> None:
    """One file that opens anywhere: the SVG within a page of the theme's colour."""
    (path,) = draw_step(visualizer(tmp_path, output_formats=["html"], theme="dark"))
    text = path.read_text()
    assert path.suffix == ".html"
    assert "#14171C" in text.split("<svg")[0]
    svg = text[text.index("<svg") : text.index("</svg>") + 6]
    ElementTree.fromstring(svg)
    assert text.count("http") == svg.count('xmlns="http') == 1


def test_a_state_of_any_kind_has_a_picture(tmp_path: Path) -> None:
    """Four numbers, an image: what is observed need not be a board, nor the action an operation."""
    draw = visualizer(tmp_path)
    for step, state in enumerate((np.arange(4.0), np.zeros((84, 84, 4), np.uint8))):
        (path,) = draw.visualize_step(state, np.int32(1), state, 1.0, {}, step)
        assert "action 1" in " ".join(ElementTree.parse(path).getroot().itertext())


def test_a_visualizer_of_a_run_draws_as_the_run_was_told(run_root: Path) -> None:
    """Its formats, its looks and its names of folders; another configuration goes before them."""
    config = {
        "storage": {"base_output_dir": str(run_root), "episode_dir_format": "e{episode}"},
        "visualization": {"theme": "dark", "output_formats": ["png"]},
    }
    with jaxarc.Recorder(config) as recorder:
        pass
    assert recorder.run_dir is not None
    own = jaxarc.EnhancedVisualizer.for_run(recorder.run_dir)
    own.episode_manager.start_new_episode(3)
    (path,) = draw_step(own)
    assert (path.parent.name, path.suffix, own.style.theme) == ("e3", ".png", "dark")
    other = jaxarc.EnhancedVisualizer.for_run(recorder.run_dir, jaxarc.VisualizationConfig())
    assert (other.style.theme, other.vis_config.output_formats) == ("light", ("svg",))


def test_a_run_without_a_readable_configuration_is_drawn_by_the_defaults(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, and no error."""
    assert jaxarc.EnhancedVisualizer.for_run(tmp_path).vis_config == VisualizationConfig()
    assert "the defaults count" in caplog.text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"formats": ("bmp",)}, "svg, png, pdf, gif, mp4, html"),
        ({"formats": ()}, "at least one"),
        ({"quality": "best"}, "low, medium, high"),
        ({"steps": "some"}, "all, key, none"),
    ],
)
def test_a_drawing_that_cannot_be_says_what_can(wrong: dict[str, Any], said: str) -> None:
    """Before anything is read."""
    with pytest.raises(RenderError, match=said):
        Drawing(**wrong)


def test_drawing_again_leaves_what_is_the_same_and_replaces_what_is_not(tmp_path: Path) -> None:
    """A picture that is there and the same is not written again; one that differs is."""
    (path,) = draw_step(visualizer(tmp_path))
    before = path.stat()
    draw_step(visualizer(tmp_path))
    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    path.write_bytes(path.read_bytes()[:-10] + b"          ")
    draw_step(visualizer(tmp_path))
    assert path.read_bytes().endswith(b"</svg>\n")
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_a_state_after_that_is_not_known_is_left_empty(tmp_path):
    """So is the mask of an action whose ``selection`` is a number."""
    board = np.zeros((3, 3), int)
    files = visualizer(tmp_path).visualize_step(board, {"selection": np.array(2)}, None, 0.0, {}, 0)
    assert "not recorded" in files[0].read_text()
