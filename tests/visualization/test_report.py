"""The page about a run: whole, self-contained, the same every time, and nothing in it runs."""

from __future__ import annotations

import logging
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from browser import OpenPage
from recording import config, light_body
from run_rows import make_rows, run_of_rows

import jaxarc
from jaxarc import Recorder
from jaxarc.config import EpisodeConfig, LiveConfig, VisualizationConfig
from jaxarc.errors import StorageError
from jaxarc.records.events import Event
from jaxarc.records.table import EpisodeTable
from jaxarc.rendering import Style
from jaxarc.replay import ReplaySystem
from jaxarc.storage import EpisodeManager
from jaxarc.visualization import EnhancedVisualizer, LiveDrawing, report_page, write_report
from jaxarc.visualization import live as live_drawing

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202e\x01&amp;"
UNSTORED = np.zeros(60, np.int64)


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def rows_run(root: Path, **options: object) -> ReplaySystem:
    """Return a run of rows without steps."""
    return jaxarc.open(run_of_rows(root, make_rows(60, stored_steps=UNSTORED), **options))


@pytest.fixture(scope="module")
def arc_page(arc_run: ReplaySystem) -> str:
    """The page of the recorded run."""
    return report_page(arc_run)


def test_a_page_has_everything_in_it_and_says_how_the_run_went(arc_run: ReplaySystem, arc_page: str):
    """No element loads anything but pictures in the page; numbers, tasks and commands stand in it."""
    page = Page(arc_page)
    text = " ".join(page.text.split())
    assert "Nothing was lost." in text
    assert f"jaxarc ls {arc_run.name}" in text
    for task in ("25d8a9c8", "d037b0a7"):
        assert task in text
    assert {tag for tag, _ in page.tags} & {"script", "iframe", "object", "embed", "base", "form"} == set()
    for tag, attributes in page.tags:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        for name in ("src", "href"):
            link = attributes.get(name)
            assert link is None or link.startswith("data:") or tag == "a", link
    assert len(arc_page) < 3_000_000


def test_the_same_files_give_the_same_bytes(arc_run: ReplaySystem, arc_page: str, tmp_path: Path):
    """Also when the run was opened anew; the file is alone in its folder."""
    again = write_report(ReplaySystem(arc_run.run_dir), out=tmp_path / "new" / "page.html")
    assert again.read_bytes() == arc_page.encode()
    assert [path.name for path in again.parent.iterdir()] == ["page.html"]


def test_a_page_follows_the_look_of_its_run_or_another(arc_run: ReplaySystem, arc_page: str):
    """Palettes colour the boards; a theme is what the page shows first."""
    checked = re.compile(r'id="theme-(\w+)" checked')
    assert checked.findall(arc_page) == ["auto"]
    other = report_page(arc_run, Style("high_contrast"), theme="dark")
    assert checked.findall(other) == ["dark"]
    boards = re.compile('class="board" src="([^"]+)"')
    assert len(boards.findall(other)) == len(boards.findall(arc_page))
    assert boards.findall(other) != boards.findall(arc_page)


def test_pictures_are_there_light_and_dark(arc_page: str):
    """As many for a dark page as for a light one; boards of the gallery serve both."""
    assert arc_page.count('class="in-light') == arc_page.count('class="in-dark') >= 3
    assert arc_page.count('class="board" src="data:image/png') >= 4


def test_links_go_to_drawn_files_where_there_are_any(arc_run: ReplaySystem, tmp_path: Path):
    """Relative to the page, wherever that lies, and none to a file that is not there."""
    run_dir = tmp_path / "run"
    shutil.copytree(arc_run.run_dir, run_dir)
    run = ReplaySystem(run_dir)
    assert 'href="../episodes' not in report_page(run)
    number = int(run.episodes("stored_steps > 0")["episode"][0])
    visualizer = EnhancedVisualizer(VisualizationConfig(), EpisodeManager(EpisodeConfig(), run_dir))
    visualizer.visualize_episode_summary(run.load_episode(number), number)
    for out in (None, tmp_path / "elsewhere" / "page.html"):
        path = write_report(run, out=out)
        links = [a["href"] for tag, a in Page(path.read_text()).tags if tag == "a"]
        assert links
        assert all((path.parent / str(link)).is_file() for link in links)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("FAILED", "An exception ended the program"),
        ("KILLED", "SIGTERM ended it"),
        (None, "its process is gone"),
    ],
)
def test_every_ending_is_explained(tmp_path: Path, status: str | None, says: str):
    """Also that of a run which nobody ended."""
    text = Page(report_page(rows_run(tmp_path, status=status))).text
    assert says in text


def test_losses_come_first(tmp_path: Path):
    """What was lost stands above every number, in words."""
    run = rows_run(tmp_path, summary={"losses": {"dropped_steps": 1234, "lost_episodes": 1}})
    text = Page(report_page(run)).text
    assert "Nothing was lost" not in text
    assert text.index("Lost: 1,234 steps dropped, 1 episode") < text.index("Mean return")


def test_an_empty_run_has_a_page(tmp_path: Path):
    """Nothing was recorded, and the page says so."""
    run = jaxarc.open(run_of_rows(tmp_path, EpisodeTable.empty(), summary={"episodes": 0}))
    assert "Nothing was lost." in Page(report_page(run)).text
    assert "Success by task" not in report_page(run)


def test_more_tasks_than_fit_are_counted(tmp_path: Path):
    """Fifty rows, and how many more there are."""
    rows = make_rows(60, stored_steps=UNSTORED, task_id=[f"task {n}" for n in range(60)])
    page = Page(report_page(jaxarc.open(run_of_rows(tmp_path, rows))))
    assert page.text.count("task 1") >= 11
    assert "10 more tasks, tried no more often" in page.text
    assert sum(tag == "tr" for tag, _ in page.tags) >= 52


def hostile_run(root: Path) -> ReplaySystem:
    """Return a run whose every name and message is an attack."""
    rows = make_rows(
        60, stored_steps=UNSTORED, task_id=[HOSTILE + str(n % 3) for n in range(60)], stream=[HOSTILE] * 60
    )
    names = ("experiment", "level", "entrypoint", "hostname", "platform", "config_hash")
    said = dict.fromkeys(names, HOSTILE)
    said |= {
        "devices": [HOSTILE],
        "versions": {HOSTILE: HOSTILE},
        "git": {"commit": HOSTILE, "branch": HOSTILE, "dirty": True},
        "config": {"visualization": {"theme": HOSTILE}, HOSTILE: {HOSTILE: [HOSTILE, {HOSTILE: 1}]}},
    }
    events = [
        Event("storage_error", {"message": HOSTILE, "action": HOSTILE}),
        Event("tombstone", {"episodes": [[HOSTILE, 0]], "policy": HOSTILE, "reason": HOSTILE}),
        Event("shedding", {"kind": HOSTILE, "on": True}),
    ]
    lost = {"losses": {HOSTILE: 3}}
    return jaxarc.open(run_of_rows(root, rows, said=said, events=events, summary=lost, run_name="{{ 7*7 }}"))


def test_whatever_names_hold_stays_text(tmp_path: Path):
    """Markup, templates and quotes in names, tasks, configuration, events and losses are shown."""
    run = hostile_run(tmp_path)
    page = report_page(run)
    found = Page(page)
    assert "<script" not in page
    assert {tag for tag, attributes in found.tags if attributes.get("onerror")} == set()
    assert found.text.count("<script>alert(1)</script>") >= 10
    assert "{{ 7 * 7 }}" in found.text
    assert not re.search("[\x01\u202e]", page)


def test_in_a_browser_nothing_runs_and_nothing_is_asked_for(files: dict[str, Path], open_page: OpenPage):
    """No dialog, no script, no error on the console, no request, no violation of the page's own policy."""
    page = open_page(files["hostile"])
    page.on("dialog", lambda dialog: open_page.problems.append(f"dialog: {dialog.message}"))
    page.reload()
    page.get_by_text("All of it").click()
    page.locator("details details summary").first.click()
    assert page.locator("script").count() == 0
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


@pytest.fixture(scope="module")
def files(arc_page: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages on disk: of the recorded run and of a hostile one."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "arc.html").write_text(arc_page)
    return {"arc": folder / "arc.html", "hostile": write_report(hostile_run(folder))}


def test_the_switch_turns_the_page_dark_and_back(files: dict[str, Path], open_page: OpenPage):
    """It follows the system until somebody chooses; pictures follow the page; paper is light."""
    page = open_page(files["arc"], color_scheme="dark")

    def looks() -> tuple[str, bool, bool]:
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        light, dark = (page.locator(f".wide .in-{theme}").first.is_visible() for theme in ("light", "dark"))
        return background, light, dark

    dark, light = ("rgb(20, 23, 28)", False, True), ("rgb(255, 255, 255)", True, False)
    assert looks() == dark
    page.get_by_label("light").check()
    assert looks() == light
    page.get_by_label("dark").check()
    assert looks() == dark
    page.emulate_media(media="print")
    assert looks() == light


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(files: dict[str, Path], open_page: OpenPage, width: int):
    """On a telephone the page does not scroll sideways; wide pictures scroll within it."""
    for path in files.values():
        page = open_page(path, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def record(root: Path, status: str = "FINISHED", **visualization: object) -> Path:
    """Record a counter, let the first episode be drawn, close, and return the run's directory."""
    looks = {"live": {"enabled": True}, **visualization}
    with Recorder(config(root, visualization=looks, capture={"envs": 1})) as recorder:
        jax.block_until_ready(recorder.scan(light_body, jnp.int32(0), None, length=12))
        recorder.flush()
        recorder.close(status)
    assert recorder.run_dir is not None
    assert list(recorder.run_dir.glob("episodes/*/summary.svg"))
    assert recorder.health().errors == recorder.health().reader_errors == 0
    return recorder.run_dir


def test_a_run_that_drew_pictures_has_a_report_when_it_is_closed(run_root: Path):
    """It is the one that ``jaxarc report`` makes; with ``visualization.report=false`` there is none."""
    run_dir = record(run_root)
    page = (run_dir / "report" / "index.html").read_text()
    assert page == report_page(jaxarc.open(run_dir))
    assert "Nothing was lost." in page
    assert "../episodes/" in page
    assert not (record(run_root, report=False) / "report").exists()


def test_nobody_waits_for_a_report_after_an_interrupt(run_root: Path):
    """A run that was killed has none until somebody asks for it."""
    assert not (record(run_root, status="KILLED") / "report").exists()


def live_reader(run: ReplaySystem) -> LiveDrawing:
    """Return a reader that has drawn a picture of a run."""
    manager = EpisodeManager(EpisodeConfig(), run.run_dir)
    visualizer = EnhancedVisualizer(VisualizationConfig(), manager)
    live = LiveDrawing(LiveConfig(max_seconds=60.0), visualizer, lambda: (run.run_dir, 0))
    live.close()
    return live


def test_a_run_that_drew_nothing_gets_no_report_by_itself(tmp_path: Path):
    """Nor does one that is too long to be read while somebody waits."""
    run = rows_run(tmp_path)
    live = live_reader(run)
    live.report()
    assert not (run.run_dir / "report").exists()
    live.files_drawn = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_drawing, "_MAX_REPORTED", 59)
        live.report()
        assert not (run.run_dir / "report").exists()
    live.report()
    assert (run.run_dir / "report" / "index.html").is_file()


def test_a_report_that_cannot_be_written_is_counted_and_the_run_is_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A file in the way of the folder is an error of the reader, not of the run."""
    run = rows_run(tmp_path)
    (run.run_dir / "report").write_text("in the way")
    live = live_reader(run)
    live.files_drawn = 1
    with caplog.at_level(logging.ERROR, "jaxarc"):
        live.report()
    assert live.errors == 1
    assert "report" in live.first_error
    with pytest.raises(StorageError, match="report"):
        write_report(run)
