"""The player in a real browser: what is drawn is what was packed, and every control does what it says.

`open_page` fails a test whose page logs an error, asks for anything, or breaks its own policy.
"""

from __future__ import annotations

from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import pytest
from browser import OpenPage
from played import NASTY, arc_played, cart_pole_played, frames_played, played
from player_driver import OpenPlayer, press, settled, state

from jaxarc.records.player import PlayerEpisode, PlayerMoment, PlayerRemark
from jaxarc.rendering import Style
from jaxarc.rendering.player import player_page


def test_the_browser_unpacks_what_was_packed(open_player: OpenPlayer) -> None:
    """Boards, selections, targets, numbers and frames are those of NumPy, cell by cell."""
    arc, screen, cart = arc_played(20, side=12), frames_played(6), cart_pole_played(8)
    page = open_player([arc, screen, cart])
    found = page.evaluate(
        """async () => {
          const unpacked = [0, 1, 2].map((index) => jaxarcPlayer.episode(index));
          const [arc, screen, cart] = await Promise.all(unpacked);
          const [boards, frames, state] = [arc.leaves[0], screen.leaves[0], cart.leaves[0]];
          const {numbers, data, size} = frames;
          return {
            boards: [...boards.boards], shape: [boards.rows, boards.columns],
            masks: [...arc.selection.masks], selection: [arc.selection.rows, arc.selection.columns],
            target: [...arc.target.cells], wanted: [arc.target.rows, arc.target.columns],
            similarity: [...arc.series[1].values], actions: arc.actions,
            frames: [...numbers].map((plane) => [...data.subarray(plane * size, (plane + 1) * size)]),
            state: [...state.values],
            before: [...arc.before], after: [...arc.after], step: [...arc.step],
          };
        }"""
    )
    rows, columns = found["shape"]
    assert np.array_equal(
        np.array(found["boards"]).reshape(21, rows, columns), arc.observation[:, :rows, :columns]
    )
    rows, columns = found["selection"]
    assert arc.selection is not None
    masks = np.array(found["masks"]).reshape(20, rows, columns)
    assert np.array_equal(masks, arc.selection[:, :rows, :columns])
    assert masks.sum() == arc.selection.sum()
    rows, columns = found["wanted"]
    assert arc.target is not None
    assert np.array_equal(np.array(found["target"]).reshape(rows, columns), arc.target[:rows, :columns])
    assert np.allclose(found["similarity"], arc.series["similarity"], rtol=1e-6)
    assert tuple(found["actions"]) == arc.actions
    frames = np.array(found["frames"], np.uint8).reshape(7, 4, 84, 84)
    assert np.array_equal(np.moveaxis(frames, 1, -1), screen.observation)
    assert np.array_equal(np.array(found["state"], np.float32).reshape(4, 9).T, cart.observation)
    assert [found[name] for name in ("before", "after", "step")] == [
        list(range(20)),
        list(range(1, 21)),
        list(range(20)),
    ]


def test_the_canvas_has_the_colours_of_the_palette(open_player: OpenPlayer) -> None:
    """The middle of a cell before the step has the colour of its value, in each palette."""
    board = np.arange(10, dtype=np.int8).reshape(2, 5)
    page = open_player([played(np.stack([board, board]), 1)])
    seen = {}
    for name in ("default", "colorblind", "high_contrast"):
        page.select_option("#palette", name)
        seen[name] = page.evaluate(
            """() => {
              const {picture} = jaxarcPlayer.panes[0].leaves[0].before;
              const {width, height} = picture.cells;
              const context = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
              context.drawImage(picture.cells, 0, 0);
              const middle = (cell) => Math.floor((cell + 0.5) * picture.cell);
              return [...Array(10).keys()].map((value) => "#" + [...context.getImageData(
                middle(value % 5), middle(Math.floor(value / 5)), 1, 1).data].slice(0, 3)
                .map((part) => part.toString(16).padStart(2, "0")).join("").toUpperCase());
            }"""
        )
    assert seen == {name: list(Style(palette=name).cells.colours) for name in seen}


def test_keys_do_what_the_list_of_keys_says(open_player: OpenPlayer) -> None:
    """Steps, leaps, key moments, ends, speed, episodes and looks, by keyboard alone."""
    moments = (PlayerMoment(4, "reward +1"), PlayerMoment(25, "marked"))
    episodes = [
        arc_played(40, side=8, seed=seed, number=seed, name=str(seed), moments=moments) for seed in range(3)
    ]
    page = open_player(episodes)
    steps = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "Shift+ArrowRight", "End", ",", ",", ".", "Home"):
        press(page, key)
        steps.append(state(page)[2])
    assert steps == [1, 2, 1, 11, 39, 25, 4, 25, 0]
    press(page, "n")
    settled(page, "#episode=1&step=0")
    press(page, "b")
    settled(page, "#episode=1&step=0&with=2")
    press(page, "b", "p")
    settled(page, "#episode=0&step=0")
    speed = page.input_value("#speed")
    press(page, "+")
    assert int(page.input_value("#speed")) > int(speed)
    press(page, "-", "c", "g", "t")
    assert page.input_value("#palette") == "colorblind"
    assert page.get_attribute("#digits", "aria-pressed") == "true"
    assert page.get_attribute("html", "data-theme") == "dark"
    press(page, "?")
    assert page.is_visible("#keys")
    assert page.locator("#key-list dt").count() >= 12
    press(page, "ArrowRight", "Escape")
    assert not page.is_visible("#keys")
    assert state(page)[2] == 0


def test_playing_reaches_the_end_and_stops(open_player: OpenPlayer) -> None:
    """Space plays and pauses; at the end it begins again."""
    page = open_player([arc_played(12, side=6)])
    page.select_option("#speed", "60")
    page.locator("#track").focus()
    press(page, " ")
    settled(page, "&step=11")
    assert page.get_attribute("#play", "aria-label") == "Play"
    press(page, " ")
    assert page.get_attribute("#play", "aria-label") == "Pause"
    press(page, " ")
    assert page.get_attribute("#play", "aria-label") == "Play"
    assert state(page)[2] < 11


def test_the_pointer_scrubs_over_track_and_curves(open_player: OpenPlayer) -> None:
    """A press moves the cursor there, and it follows."""
    page = open_player([arc_played(41, side=8)])
    box = page.locator("#area").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    page.mouse.down()
    assert state(page)[2] == 20
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] - 5)
    assert state(page)[2] == 10
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"], box["y"])
    assert state(page)[2] == 10
    assert page.get_attribute("#track", "aria-valuemax") == "40"
    settled(page, "&step=10")
    assert page.get_attribute("#track", "aria-valuenow") == "10"
    assert "step 10, Fill" in str(page.get_attribute("#track", "aria-valuetext"))


def test_a_link_leads_to_an_episode_and_a_step(open_player: OpenPlayer) -> None:
    """By number, with a second episode, and again when the address changes under the page."""
    episodes = [arc_played(9, side=5, seed=seed, number=70 + seed, name=str(70 + seed)) for seed in range(3)]
    page = open_player(episodes, "#episode=72&step=5&with=70")
    assert state(page) == [2, 0, 5]
    assert page.locator(".pane h2").all_text_contents() == ["Episode 72", "Episode 70"]
    page.evaluate("location.hash = '#episode=71&step=3'")
    page.locator("h2", has_text="Episode 71").wait_for(timeout=5_000)
    settled(page, "#episode=71&step=3")
    page.evaluate("location.hash = '#episode=71&step=7'")
    settled(page, "&step=7")
    page.evaluate("location.hash = '#episode=<b>&step=1e999&with='")
    page.locator("h2", has_text="Episode 70").wait_for(timeout=5_000)
    assert state(page)[2] == 8


def test_two_episodes_move_together(open_player: OpenPlayer) -> None:
    """They stand at the same step; the shorter one waits at its end and says since when."""
    page = open_player(
        [arc_played(30, side=8), arc_played(10, side=8, seed=1, number=8, name="8")], "#with=8&step=25"
    )
    shown = page.locator(".pane .step").all_text_contents()
    assert shown == ["Step 25", "Step 9"]
    assert page.locator(".pane").nth(1).get_by_text("ended 16 steps ago").is_visible()
    values = page.locator(".row-value b").all_text_contents()
    assert all(values)
    assert len(values) == 4


@pytest.mark.parametrize(
    "episode", [arc_played(30), cart_pole_played(30), frames_played(8)], ids=["arc", "cart", "frames"]
)
def test_nothing_is_wider_than_a_phone(open_player: OpenPlayer, episode: PlayerEpisode) -> None:
    """At 360 pixels nothing scrolls sideways, with one episode and with two."""
    for address in ("", "#with=1"):
        page = open_player(
            [episode, arc_played(9, number=1, name="1", task_id=NASTY * 9)], address, width=360, height=700
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.locator("#play").is_visible()


def test_dark_follows_the_system_and_the_switch(open_player: OpenPlayer) -> None:
    """The switch goes from the system's theme to the other, back, and to the system's again."""
    page = open_player([cart_pole_played(5)], color_scheme="dark")
    seen = []
    for _ in range(4):
        seen.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        page.click("#theme")
    dark, light = "rgb(20, 23, 28)", "rgb(255, 255, 255)"
    assert seen == [dark, light, dark, dark]


def test_a_style_is_the_look_at_the_start(open_player: OpenPlayer) -> None:
    """Palette, digits, coordinates and the dark theme come from the style."""
    style = Style(palette="high_contrast", theme="dark", show_digits=True, show_coordinates=True)
    page = open_player([arc_played(3, side=5)], style=style)
    assert page.input_value("#palette") == "high_contrast"
    assert page.get_attribute("#digits", "aria-pressed") == "true"
    assert page.get_attribute("html", "data-theme") == "dark"
    assert page.locator(".numbered").count() == 3


def test_every_kind_of_value_is_drawn(open_player: OpenPlayer) -> None:
    """Of each kind something is on its canvas; long vectors have a strip of colours below the time line."""
    random = np.random.default_rng(0)
    values = {
        "grid": random.integers(0, 40, (3, 5, 6)),
        "field": random.normal(size=(3, 6, 7)),
        "screen": random.integers(0, 255, (3, 33, 33, 3)).astype(np.uint8),
        "stack": random.integers(0, 255, (3, 33, 33, 4)).astype(np.uint8),
        "planes": random.random((3, 5, 5, 4)) < 0.3,
        "long": random.normal(size=(3, 40)),
        "scalar": np.array([1.0, 2.0, np.nan]),
        "odd": np.zeros((3, 2, 2, 2, 2)),
    }
    page = open_player([played(values, 2)])
    page.locator(".curve").last.wait_for()
    painted = page.evaluate(
        """() => [...document.querySelectorAll("canvas:not(.over, .axes)")].map((canvas) => {
          const {width, height} = canvas;
          const context = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
          context.drawImage(canvas, 0, 0);
          return context.getImageData(0, 0, width, height).data.some((byte) => byte > 0);
        })"""
    )
    assert len(painted) > 12
    assert all(painted)
    assert page.locator("pre.text").text_content().startswith("float64")
    assert set(page.locator(".leaf h3").all_text_contents()) == set(values)
    assert "long (40 values)" in page.locator(".curve-name").all_text_contents()


def test_curves_and_strips_have_gaps_where_steps_were_not_stored(open_player: OpenPlayer) -> None:
    """Of a hundred steps the first and the last ten are there: between them no line and no colour."""
    steps = np.concatenate([np.arange(10), np.arange(90, 100)])
    values = np.linspace(1.0, 2.0, 20)
    frames = {"long": np.ones((21, 40)) * np.append(values, 2.0)[:, None]}
    episode = replace(played(frames, 20, series={"value": values}), step=steps, total_steps=100)
    inked = """() => [...document.querySelectorAll("canvas.curve")].map((canvas) => {
      const {width, height} = canvas;
      const data = canvas.getContext("2d").getImageData(0, 0, width, Math.floor(height * 0.8)).data;
      const found = [0, 0, 0];
      for (let i = 3; i < data.length; i += 4) {
        const share = ((i >> 2) % width) / width;
        if (data[i]) found[share < 0.12 ? 0 : share < 0.88 ? 1 : 2]++;
      }
      return found;
    })"""
    page = open_player([episode])
    page.locator(".curve").last.wait_for()
    for first, between, last in page.evaluate(inked):
        assert first > 0
        assert between == 0
        assert last > 0
    page = open_player([replace(episode, every=81)])  # left out to keep the page small: no gap
    page.locator(".curve").last.wait_for()
    assert all(between for _, between, _ in page.evaluate(inked))


def test_names_full_of_markup_stay_text(open_player: OpenPlayer) -> None:
    """A script in a name is read, not run: no dialog opens, and the words are there as they were given."""
    assert len(NASTY) > 300
    fields = {"task_id": NASTY, "stream": NASTY, "actions": (NASTY,) * 3, "notes": (NASTY,)}
    fields |= {"facts": {NASTY: NASTY}, "remarks": (PlayerRemark(NASTY, 0),)}
    episode = played(
        {NASTY: np.zeros((4, 2))}, 3, series={"reward": np.zeros(3), NASTY: np.ones(3)}, **fields
    )
    page = open_player([episode, episode])
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    wanted = "<script>alert(1)</script>"
    for place in (
        ".notes li",
        ".remarks li",
        ".moment",
        ".fact",
        ".action",
        ".item-task",
        ".curve-name",
        "h1",
        ".leaf h3",
    ):
        texts = page.locator(place).all_text_contents()
        assert any(wanted in text for text in texts), place
        assert not any("\u202e" in text for text in texts), place  # which would turn what follows around
    assert page.evaluate("[document.scripts.length, document.images.length]") == [2, 0]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert dialogs == []


def test_an_episode_that_is_its_row_says_so(open_player: OpenPlayer) -> None:
    """There is nothing to play; the notes say why, and the list still leads to the others."""
    nothing = np.zeros(0, np.int64)
    fields = {"step": nothing, "before": nothing, "after": nothing, "series": {}, "moments": ()}
    page = open_player(
        [played({}, 5, **fields, notes=("Only its row is stored.",)), cart_pole_played(4, name="8")]
    )
    assert page.locator(".notes li").all_text_contents() == ["Only its row is stored."]
    assert not page.is_visible("#play")
    press(page, "ArrowRight", " ", ".", "n")
    page.locator("h2", has_text="Episode 8").wait_for(timeout=5_000)
    assert page.is_visible("#play")


def test_key_steps_are_the_stops_of_the_cursor(open_player: OpenPlayer) -> None:
    """Of fifty steps three are stored: the cursor goes from one to the next."""
    boards = np.arange(6 * 4, dtype=np.int8).reshape(6, 2, 2) % 10
    rows = np.arange(3)
    fields = {
        "step": np.array([0, 20, 49]),
        "before": 2 * rows,
        "after": np.array([1, -1, 5]),
        "total_steps": 50,
    }
    page = open_player([played(boards, 3, **fields)])
    steps = []
    for _ in range(3):
        steps.append(state(page)[2])
        press(page, "ArrowRight")
    assert steps == [0, 20, 49]
    press(page, "ArrowLeft")
    page.get_by_text("not recorded").nth(1).wait_for(timeout=5_000)


@pytest.mark.parametrize("height", [480, 620])
def test_a_page_lies_in_a_cell_of_a_notebook(open_page: OpenPage, tmp_path: Path, height: int) -> None:
    """In a sandboxed frame without an origin it opens where it was told, plays by key, and fits."""
    episodes = [arc_played(30, number=seed, name=str(seed), seed=seed) for seed in range(2)]
    srcdoc = escape(player_page(episodes, embedded=True, link="episode=1&step=5"))
    path = tmp_path / "notebook.html"
    frame = f'<iframe sandbox="allow-scripts" width="700" height="{height}" srcdoc="{srcdoc}"></iframe>'
    path.write_text(f"<!doctype html><body>{frame}<p style='height: 3000px'></p>", encoding="utf-8")
    page = open_page(path, width=800)
    frame = page.frames[1]
    frame.wait_for_selector("html[data-ready]", timeout=20_000)
    shown = "[...jaxarcPlayer.shown, jaxarcPlayer.step]"
    assert frame.evaluate(shown) == [1, -1, 5]
    frame.locator("#track").focus()
    press(page, "ArrowRight", "b", "t", "c")
    frame.locator(".pane").nth(1).wait_for(timeout=5_000)
    assert frame.evaluate(shown) == [1, 0, 6]
    press(page, "b")
    frame.locator(".pane").nth(1).wait_for(state="detached", timeout=5_000)
    root = "document.documentElement"
    assert frame.evaluate(f"[{root}.scrollWidth, {root}.scrollHeight]") == [700, height]
    assert (
        frame.locator("canvas.cells").last.evaluate("(canvas) => canvas.getBoundingClientRect().bottom")
        < height
    )
    box = frame.locator("canvas.cells").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.wheel(0, 300)  # the document scrolls under the pointer
    page.wait_for_function("scrollY > 0")


def test_without_scripts_there_is_a_picture(open_page: OpenPage, tmp_path: Path) -> None:
    """A reader without scripts sees the first episode's summary, and it is whole."""
    path = tmp_path / "page.html"
    path.write_text(player_page([arc_played(12, side=8)]), encoding="utf-8")
    page = open_page(path, java_script_enabled=False)
    picture = page.locator("img.still")
    assert picture.is_visible()
    box = picture.bounding_box()
    assert box is not None
    assert box["height"] > 100
    assert not page.locator("#app").is_visible()
