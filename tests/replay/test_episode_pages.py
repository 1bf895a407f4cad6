"""``save_html``: an episode, or several of a run, as one page in a file."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from browser import OpenPage
from painted_run import record_painted_run

from jaxarc.errors import EpisodeNotFoundError, RenderError, StorageError
from jaxarc.rendering import Style
from jaxarc.rendering.player.packing import read_stream
from jaxarc.replay import QueryError, ReplaySystem


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Three episodes of painted boards in a run that was told a palette; of the second only its row."""
    config = {
        "capture": {"level": "verbose", "keep": "success"},
        "visualization": {"color_scheme": "colorblind", "live": {"enabled": False}, "report": False},
    }
    return record_painted_run(tmp_path_factory.mktemp("pages"), (3, 2, 5), config=config)


def listed(page: Path) -> dict[str, Any]:
    """Return what the list of a page says."""
    data = page.read_text(encoding="utf-8").split('id="episodes">')[1].split("<")[0]
    return read_stream(base64.b64decode(data.split("\n")[0]))[0]


def test_an_episode_saves_itself_as_a_page(run: ReplaySystem, tmp_path: Path) -> None:
    """Folders are made, the path comes back, the look is the run's, and the title its name."""
    page = run.load_episode(2).save_html(tmp_path / "deep" / "one.html")
    assert page == tmp_path / "deep" / "one.html"
    said = listed(page)
    assert [row["name"] for row in said["episodes"]] == ["2"]
    assert said["look"]["palette"] == "colorblind"
    assert f"<title>{run.name}</title>" in page.read_text()
    assert list(page.parent.iterdir()) == [page]


def test_a_look_that_is_said_counts(run: ReplaySystem, tmp_path: Path) -> None:
    """Palette and theme replace those of the run, or of a style."""
    episode = run.load_episode(0)
    page = episode.save_html(str(tmp_path / "a.html"), palette="high_contrast", theme="dark", title="<b>mine")
    assert listed(page)["look"]["palette"] == "high_contrast"
    assert 'data-theme="dark"' in page.read_text()
    assert "<title>&lt;b&gt;mine</title>" in page.read_text()
    page = episode.save_html(page, style=Style(palette="default", show_digits=True), theme="dark")
    assert (listed(page)["look"]["palette"], listed(page)["look"]["digits"]) == ("default", True)


def test_a_run_saves_the_episodes_that_are_asked_for(run: ReplaySystem, tmp_path: Path) -> None:
    """Those with stored steps, by condition, order and limit."""
    names = [row["name"] for row in listed(run.save_html(tmp_path / "all.html"))["episodes"]]
    assert names == ["0", "2"]
    page = run.save_html(tmp_path / "some.html", sort="-total_steps", limit=1, theme="dark")
    assert [row["name"] for row in listed(page)["episodes"]] == ["2"]
    assert [row["name"] for row in listed(run.save_html(page, "total_steps == 3"))["episodes"]] == ["0"]


def test_a_drawing_of_ones_own_is_saved_with_the_page(run: ReplaySystem, tmp_path: Path) -> None:
    """Each frame is in the page; a function that fails says so, and no file is left."""
    episode = run.load_episode(0)
    drawn = episode.save_html(tmp_path / "drawn.html", render="pictures_of_mine:pixels").read_bytes()
    assert len(drawn) > len(episode.save_html(tmp_path / "plain.html").read_bytes())
    assert run.save_html(tmp_path / "run.html", render="pictures_of_mine:pixels").exists()
    with pytest.raises(RenderError, match="broken at step 0 failed"):
        episode.save_html(tmp_path / "none.html", render="pictures_of_mine:broken")
    assert not (tmp_path / "none.html").exists()


def test_a_saved_page_plays(run: ReplaySystem, tmp_path: Path, open_page: OpenPage) -> None:
    """In a browser without network it goes on by a step when it is told to."""
    page = open_page(run.save_html(tmp_path / "all.html"))
    page.wait_for_selector("html[data-ready]", timeout=20_000)
    page.keyboard.press("ArrowRight")
    assert page.evaluate("jaxarcPlayer.step") == 1


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"path": "."}, StorageError, "is a folder; give the file"),
        ({"path": "a.txt/b.html"}, StorageError, "a.txt"),
        ({"path": "x.html", "palette": "neon"}, RenderError, "neon"),
        ({"path": "x.html", "theme": "drak"}, RenderError, "did you mean dark"),
        ({"path": "x.html", "where": "total_steps > 9"}, EpisodeNotFoundError, "where total_steps > 9"),
        ({"path": "x.html", "where": "total_steps == 2"}, EpisodeNotFoundError, "no episode with stored"),
        ({"path": "x.html", "where": "total_step > 2"}, QueryError, "total_steps"),
        ({"path": "x.html", "limit": 0}, RenderError, "limit must be .* at least 1, got 0"),
    ],
    ids=["folder", "file as folder", "palette", "theme", "none", "no steps", "query", "limit"],
)
def test_a_mistake_is_answered_and_nothing_is_written(
    run: ReplaySystem, tmp_path: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    """Each error says what was wrong, and what helps."""
    (tmp_path / "a.txt").write_text("a file")
    path = tmp_path / options["path"]
    with pytest.raises(error, match=words):
        run.save_html(**{**options, "path": path})
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_an_episode_of_which_only_the_row_is_stored_says_so_in_its_page(
    run: ReplaySystem, tmp_path: Path, open_page: OpenPage
) -> None:
    """The page opens, and its words say why nothing is played."""
    page = open_page(run.load_episode(1).save_html(tmp_path / "row.html"))
    page.wait_for_selector("html[data-ready]", timeout=20_000)
    assert "Only its row is stored" in page.inner_text(".notes")
