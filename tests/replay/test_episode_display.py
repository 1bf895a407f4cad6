"""An episode shows itself in a notebook: played in its cell, as a picture, or in words."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import OpenPage, find_chromium
from notebook_pages import exported, frames_of, without_frames
from painted_run import record_painted_run

import jaxarc
from jaxarc.rendering.player.packing import read_stream
from jaxarc.replay import ReplaySystem
from jaxarc.replay.episode import ReplayEpisode
from jaxarc.replay.episode_display import CELL_BYTES

NASTY = "<script>alert(1)</script>'\"&\U0001f600" + "x" * 280


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Two solved episodes of painted boards, and one that failed, of which only its row is stored."""
    config = {"capture": {"level": "verbose", "keep": "success"}, "visualization": {"report": False}}
    return record_painted_run(tmp_path_factory.mktemp("shown"), (50, 2, 5), config=config)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Frames of 84x84x4 under a nasty name, such frames of noise, and an episode that the end cuts."""
    noise = np.random.default_rng(0)
    config = {
        "capture": {"level": "verbose"},
        "storage": {"base_output_dir": str(tmp_path_factory.mktemp("odd"))},
        "visualization": {"live": {"enabled": False}, "report": False},
    }
    frames = noise.integers(0, 256, (41, 84, 84, 4), np.uint8)
    sparse = np.where(frames[..., ::-1] < 16, frames, np.uint8(40))
    with jaxarc.Recorder(config) as recorder:
        for task, shown in ((NASTY, sparse), ("noise", frames)):
            with recorder.episode(task=task) as episode:
                for step in range(40):
                    episode.step(shown[step], step, float("nan"), shown[step + 1], terminated=step == 39)
        cut = recorder.episode(task="cut")
        cut.step(np.zeros((3, 3), np.int8), 0, 0.0, np.ones((3, 3), np.int8))
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir)


def _packed(page: str) -> dict[str, Any]:
    """Return what a page says of its first episode."""
    data = page.split('id="episodes">')[1].split("<")[0]
    return read_stream(base64.b64decode(data.split("\n")[1]))[0]


def html_of(episode: ReplayEpisode) -> str:
    return episode._repr_html_()


def test_an_episode_is_html_a_picture_and_text(run: ReplaySystem) -> None:
    """All three come at once; who wants one gets it alone, and marimo's question is answered the same."""
    episode = run.load_episode(0)
    bundle = episode._repr_mimebundle_()
    assert set(bundle) == {"text/html", "image/png", "text/plain"}
    assert bundle["text/plain"] == repr(episode)
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["image/png"] in bundle["text/html"]
    assert episode._repr_mimebundle_(include={"image/png"}).keys() == {"image/png"}
    assert episode._repr_mimebundle_(exclude={"text/html"}).keys() == {"image/png", "text/plain"}
    assert html_of(episode) == bundle["text/html"]


def test_ipython_formats_an_episode(run: ReplaySystem) -> None:
    """Its display formatter takes the whole bundle, without a word of warning."""
    from IPython.core.formatters import DisplayFormatter

    data, metadata = DisplayFormatter().format(run.load_episode(0))
    assert {"text/html", "image/png", "text/plain"} <= set(data)
    assert metadata == {}


def test_the_player_is_apart_from_the_notebook(run: ReplaySystem) -> None:
    """One frame without an origin, from its own source; nothing of it runs in, names or fetches for the cell.

    VS Code, Colab and marimo show frames that are given so: scripts at the top would be refused, or wrapped.
    """
    shown = html_of(run.load_episode(0))
    (frame,), tags = frames_of(shown)
    assert frame["sandbox"] == "allow-scripts"
    assert set(frame) == {"sandbox", "loading", "title", "srcdoc"}
    assert frame["srcdoc"].startswith("<!doctype html>")
    assert "default-src 'none'" in frame["srcdoc"]
    assert "script" not in tags
    assert "<script" not in shown
    assert not re.search(r'(?:src|href)="(?!data:)', shown)
    assert " id=" not in shown.split("srcdoc=")[0]


def test_names_stay_text(odd: ReplaySystem) -> None:
    """A task called like a script is read, and never run."""
    for shown in (html_of(odd.load_episode(0)), odd._repr_html_()):
        assert "<script>alert" not in shown
        assert "<script>alert" not in without_frames(shown)


def test_five_episodes_play_in_an_exported_notebook(
    run: ReplaySystem, tmp_path: Path, open_page: OpenPage
) -> None:
    """Under two megabytes together; a click on play goes on in one of them alone; nothing is requested."""
    page = exported([run.load_episode(number)._repr_mimebundle_() for number in (0, 2, 0, 2, 0)])
    assert len(page.encode()) < 2_000_000
    path = tmp_path / "notebook.html"
    path.write_text(page, encoding="utf-8")
    opened = open_page(path, height=2000)
    frames = [frame for frame in opened.frames if frame is not opened.main_frame]
    assert len(frames) == 5
    for frame in frames[:2]:
        frame.wait_for_selector("html[data-ready]", timeout=20_000)
    assert opened.locator("iframe").first.evaluate("e => e.clientHeight") > 500
    frames[0].click("#play")
    for _ in range(200):  # its policy lets nobody evaluate text, as waiting for a function would
        if frames[0].evaluate("jaxarcPlayer.step") >= 2:
            break
        opened.wait_for_timeout(50)
    assert frames[0].evaluate("jaxarcPlayer.step") >= 2
    assert frames[1].evaluate("jaxarcPlayer.step") == 0
    box = "const box = e.getBoundingClientRect()"
    on_top = f"e => {{ {box}; return e.contains(document.elementFromPoint(box.left + 60, box.top + 60)) }}"
    assert [opened.locator(name).first.evaluate(on_top) for name in (".still", ".frame")] == [False, True]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_player_is_light_or_dark_as_the_notebook_is(
    run: ReplaySystem, tmp_path: Path, open_page: OpenPage, theme: str
) -> None:
    """The frame takes over the colours of its cell, though it may not look at the notebook."""
    path = tmp_path / "cell.html"
    is_light = str(theme == "light").lower()
    shown = html_of(run.load_episode(2))
    path.write_text(f"<!doctype html><body data-jp-theme-light={is_light}>{shown}</body>", encoding="utf-8")
    opened = open_page(path, color_scheme="null")  # the system's own, which is not asked
    frame = opened.frames[1]
    frame.wait_for_selector("html[data-ready]", timeout=20_000)
    assert frame.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is (theme == "dark")


_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src https: http: data:; font-src https:; connect-src https:; child-src https: data: blob:"
)


def test_the_player_plays_within_a_notebooks_own_policy(
    run: ReplaySystem, tmp_path: Path, open_page: OpenPage
) -> None:
    """As VS Code restricts its outputs, and within an element that marimo puts around frames."""
    shown = (
        html_of(run.load_episode(0))
        .replace("<iframe", "<div><iframe")
        .replace("</iframe>", "</iframe></div>")
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    path = tmp_path / "cell.html"
    path.write_text(f"<!doctype html>{head}<body class=vscode-dark>{shown}</body>", encoding="utf-8")
    opened = open_page(path)
    frame = opened.frames[1]
    frame.wait_for_selector("html[data-ready]", timeout=20_000)
    frame.click("#forward")
    assert frame.evaluate("[jaxarcPlayer.step, innerHeight]") == [1, 558]


def test_where_frames_are_taken_out_a_picture_is_left(
    run: ReplaySystem, tmp_path: Path, open_page: OpenPage
) -> None:
    """What JupyterLab shows of an untrusted notebook, and GitHub: the summary, its words, and no more."""
    left = without_frames(html_of(run.load_episode(0)))
    assert "no scripts run" in left
    assert len(left) < 80_000
    path = tmp_path / "left.html"
    path.write_text(f"<!doctype html>{left}", encoding="utf-8")
    opened = open_page(path)
    assert opened.locator("img").evaluate("e => e.complete && e.naturalWidth") == 960
    assert opened.locator("img").evaluate("e => e.clientHeight") > 300
    assert (
        opened.inner_text("body").strip()
        == "A picture of the episode: here no scripts run. Where they do, it plays."
    )


_WITHOUT_SCRIPTS = """
import sys
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    flags = ["--no-sandbox", "--blink-settings=scriptEnabled=false"]
    browser = playwright.chromium.launch(executable_path=sys.argv[1], args=flags)
    page = browser.new_page(offline=True)
    page.goto(sys.argv[2])
    image = page.frame_locator("iframe").locator("img")
    image.wait_for()
    print(int(image.bounding_box()["width"]), page.frame_locator("iframe").locator("#app").is_visible())
    browser.close()
"""


@pytest.mark.long
def test_without_scripts_the_frame_holds_a_picture(run: ReplaySystem, tmp_path: Path) -> None:
    """In a browser in which no script runs anywhere the page in the frame is a picture."""
    page = tmp_path / "cell.html"
    page.write_text(f"<!doctype html>{html_of(run.load_episode(0))}", encoding="utf-8")
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium")
    command = [sys.executable, "-c", _WITHOUT_SCRIPTS, chromium, page.as_uri()]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    width, is_player_shown = done.stdout.split()
    assert int(width) > 300
    assert is_player_shown == "False"


def test_large_frames_play_with_fewer_steps_and_say_so(odd: ReplaySystem) -> None:
    """Frames that do not all fit: those that are shown are as many as there is room for."""
    bundle = odd.load_episode(0)._repr_mimebundle_()
    (frame,), _ = frames_of(bundle["text/html"])
    assert CELL_BYTES / 3 < len(frame["srcdoc"]) <= CELL_BYTES * 1.1
    assert sum(map(len, bundle.values())) < 400_000
    packed = _packed(frame["srcdoc"])
    assert packed["every"] > 1
    assert any("To keep the page small" in note for note in packed["notes"])


def test_what_does_not_fit_at_all_is_a_picture_with_the_way_out(odd: ReplaySystem) -> None:
    """A few frames of noise are too large already: the words say how a page is made of all of them."""
    bundle = odd.load_episode(1)._repr_mimebundle_()
    assert "<iframe" not in bundle["text/html"]
    assert "save_html" in bundle["text/html"]
    assert "data:image/png" in bundle["text/html"]
    assert sum(map(len, bundle.values())) < 400_000


def test_an_episode_of_which_only_the_row_is_stored_says_why(run: ReplaySystem) -> None:
    """Its row is there, and the words of NotRecordedError; there is no picture to show."""
    bundle = run.load_episode(1)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "Only its row is stored" in bundle["text/html"]
    assert "capture.keep" in bundle["text/html"]
    assert "Episode 1" in without_frames(bundle["text/html"])


def test_a_cut_episode_says_so(odd: ReplaySystem) -> None:
    """The words are in its player, and under the picture where there is none."""
    episode = odd.load_episode(2)
    shown = html_of(episode)
    (frame,), _ = frames_of(shown)
    said = "The recording ended before this episode did."
    assert said in _packed(frame["srcdoc"])["notes"]
    assert said in without_frames(shown)


def test_a_damaged_episode_says_what_cannot_be_read(tmp_path: Path) -> None:
    """A notebook gets a sentence and not a stack of frames."""
    run = record_painted_run(tmp_path, (3,))
    episode = run.load_episode(0)
    for segment in (run.run_dir / "steps").glob("*.h5"):
        content = bytearray(segment.read_bytes())
        content[len(content) // 4 :] = bytes(len(content) - len(content) // 4)
        segment.write_bytes(content)
    shown = html_of(episode)
    assert "It cannot be shown" in shown
    assert "<iframe" not in shown


def test_showing_needs_no_jax(run: ReplaySystem) -> None:
    """A process that shows a run and an episode has not imported it."""
    script = (
        f"import sys, jaxarc; run = jaxarc.open({str(run.run_dir)!r}); run._repr_html_(); "
        "run.load_episode(0)._repr_mimebundle_(); print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
