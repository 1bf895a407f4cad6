"""``jaxarc replay``: a page of the episodes that were asked for, or their boards in the terminal."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import webbrowser
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxarc
from jaxarc.cli.app import app
from jaxarc.errors import EpisodeNotFoundError, RenderError, StorageError
from jaxarc.rendering.player.packing import read_stream


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three episodes of a plain loop, whose boards count up; the last one fails."""
    config = {
        "capture": {"level": "verbose"},
        "storage": {"base_output_dir": str(tmp_path_factory.mktemp("replay"))},
        "visualization": {"live": {"enabled": False}, "color_scheme": "colorblind"},
        "pipeline": {"handle_signals": False},
    }
    with jaxarc.Recorder(config) as recorder:
        for number in range(3):
            with recorder.episode(task=f"t{number}") as episode:
                for step in range(4):
                    boards = [np.full((2, 3), number + step + more, np.int8) for more in (0, 1)]
                    episode.step(boards[0], step, float(number), boards[1], step == 3, False)
    assert recorder.run_dir is not None
    return recorder.run_dir


def typed(*arguments: object) -> str:
    """Type a command and return what it prints; what it raises is raised."""
    result = CliRunner().invoke(
        app, ["replay", *map(str, arguments)], catch_exceptions=False, env={"COLUMNS": "120"}
    )
    assert result.exit_code == 0, result.output
    return result.output


def listed(page: Path) -> dict:
    """Return what the list of a page says."""
    data = page.read_text(encoding="utf-8").split('id="episodes">')[1].split("<")[0]
    return read_stream(base64.b64decode(data.split("\n")[0]))[0]


def test_a_page_has_the_episodes_that_were_asked_for(run_dir: Path, tmp_path: Path) -> None:
    """By number and range, by condition, or all; the look is the run's unless an option says another."""
    page = tmp_path / "deep" / "page.html"
    assert "3 episodes" in typed(run_dir, "--html", page)
    assert [row["task"] for row in listed(page)["episodes"]] == ["t0", "t1", "t2"]
    assert listed(page)["look"]["palette"] == "colorblind"
    assert "2 episodes" in typed(run_dir, "1-2", "--html", page, "--palette", "default", "--digits")
    assert [row["name"] for row in listed(page)["episodes"]] == ["1", "2"]
    assert (listed(page)["look"]["palette"], listed(page)["look"]["digits"]) == ("default", True)
    typed(run_dir, "--where", "total_reward > 3", "--sort", "-episode", "--limit", 1, "--html", page)
    assert [row["name"] for row in listed(page)["episodes"]] == ["2"]


@pytest.mark.parametrize("name", ["pixels", "gone"])
def test_a_page_has_what_the_run_was_told_to_draw_with(run_dir: Path, tmp_path: Path, name: str) -> None:
    """The run's own drawing function; where it is not to be had, the page is written without, and says so."""
    own = tmp_path / "run"
    shutil.copytree(run_dir, own)
    file = own / "config" / "config.json"
    config = json.loads(file.read_bytes())
    config["visualization"]["render"] = f"pictures_of_mine:{name}"
    file.write_text(json.dumps(config))
    output = typed(own, 0, "--html", tmp_path / "page.html")
    assert ("has no gone" in output) == (name == "gone")
    stream = (tmp_path / "page.html").read_text(encoding="utf-8").split('id="episodes">')[1].split("\n")[1]
    parts = read_stream(base64.b64decode(stream.split("<")[0]))[0]["parts"]
    assert any(part.get("kind") == "images" for part in parts) == (name == "pixels")


def test_open_shows_the_page_in_a_browser(run_dir: Path, tmp_path: Path) -> None:
    """The address is the file's; where there is no browser, that is said."""
    page = tmp_path / "page.html"
    with mock.patch.object(webbrowser, "open", return_value=False) as opened:
        assert "open it yourself" in typed(run_dir, "--html", page, "--open").replace(
            f"open {page}", "open it"
        )
    opened.assert_called_once_with(page.resolve().as_uri())


def test_what_is_no_terminal_gets_every_step_as_lines(run_dir: Path) -> None:
    """The last episode where none was named; several in their order."""
    assert typed(run_dir).count("step ") == 4
    shown = typed(run_dir, "0", "1")
    assert shown.count("step 3") == 2
    assert "t0" in shown


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("--open",), RenderError, "--html FILE"),
        (("--html", "."), StorageError, "is a folder"),
        (("7", "--html", "a.html"), EpisodeNotFoundError, "has no episode 7"),
        (("--html", "a.html", "--palette", "neon"), Exception, "neon"),
    ],
    ids=["open", "folder", "episode", "palette"],
)
def test_a_mistake_is_answered_with_the_way_out(
    run_dir: Path, tmp_path: Path, arguments: tuple[str, ...], error: type[Exception], words: str
) -> None:
    """Nothing is written then."""
    with contextlib.chdir(tmp_path), pytest.raises(error, match=words):
        typed(run_dir, *arguments)
    assert list(tmp_path.iterdir()) == []
