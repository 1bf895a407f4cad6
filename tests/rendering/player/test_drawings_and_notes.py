"""What people add to episodes, in the player: drawings of their own, notes, pins, labels; and odd numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from played import NASTY, cart_pole_played, played
from player_driver import OpenPlayer, press, settled, state

from jaxarc.records.player import PlayerDrawing, PlayerRemark
from jaxarc.rendering.png import frame_to_png


def shades(count: int) -> tuple[bytes, ...]:
    """Return PNG files, each of one red, the brighter the later."""
    return tuple(frame_to_png(np.full((20, 30, 3), (10 * n, 0, 0), np.uint8)) for n in range(count))


def test_drawings_of_the_users_own_are_played(open_player: OpenPlayer) -> None:
    """Files are decoded when they come up, before and after the step, also when it moves fast."""
    rows = np.arange(9)
    drawing = PlayerDrawing("my_env:render", shades(10), rows, np.append(rows[1:], -1))
    page = open_player([replace(cart_pole_played(9), drawing=drawing)])
    assert page.locator(".leaf h3").all_text_contents() == ["my_env:render", "observation"]
    assert page.locator(".picture .pixels").first.get_attribute("aria-label") == (
        "Before: as my_env:render drew it"
    )
    press(page, "ArrowRight", "End", "ArrowLeft", "ArrowLeft")
    settled(page, "&step=6")
    reds = page.evaluate(
        """async () => {
          const {before, after, leaf} = jaxarcPlayer.panes[0].leaves[0];
          await Promise.all(leaf.decoded.values());
          return [before, after].map(({picture}) => picture.context.getImageData(15, 10, 1, 1).data[0]);
        }"""
    )
    assert reds == [60, 70]
    press(page, "End")
    assert page.locator(".leaf").first.get_by_text("not recorded").nth(1).is_visible()


def test_arrays_that_were_drawn_are_leaves_without_the_marks_of_the_board(open_player: OpenPlayer) -> None:
    """A drawn board has its own frames; the selection of the step is none of its cells."""
    boards = np.arange(12, dtype=np.int8).reshape(3, 2, 2) % 10
    drawing = PlayerDrawing("mine", {"map": boards}, np.array([2, 1]), np.array([0, -1]))
    selection = np.ones((2, 2, 2), bool)
    page = open_player([played(boards, 2, drawing=drawing, selection=selection, target=boards[0])])
    found = page.evaluate(
        """jaxarcPlayer.panes[0].leaves.map((shown) => [shown.leaf.name, !!shown.target, !!shown.selection,
          [...shown.board(shown.leaf.before[0])]])"""
    )
    assert found == [
        ["mine.map", False, False, boards[2].ravel().tolist()],
        ["observation", True, True, boards[0].ravel().tolist()],
    ]


def test_notes_stand_at_their_step_and_lead_there(open_player: OpenPlayer) -> None:
    """On the episode, on a step; a pin and labels beside its name; markup in any of them is text."""
    remarks = (PlayerRemark(NASTY), PlayerRemark("why left?", 5), PlayerRemark("again", 5))
    facts = {"seed": "17", NASTY: NASTY}
    page = open_player([cart_pole_played(9, remarks=remarks, pinned=True, facts=facts)])
    assert page.locator(".remarks li").all_text_contents()[1] == "Step 5 why left?"
    assert "alert(1)" in page.locator(".remarks li").all_text_contents()[0]
    page.locator(".leads").first.click()
    assert state(page)[2] == 5
    page.locator("#moment", has_text="“why left?” · “again”").wait_for(timeout=5_000)
    assert page.locator(".moment-mark.remark").count() == 1
    assert page.locator(".badge", has_text="Pinned").is_visible()
    assert "seed 17" in page.locator(".fact").all_text_contents()
    assert page.evaluate("document.images.length") == 0


def test_numbers_that_are_none_are_marked_and_counted(open_player: OpenPlayer) -> None:
    """NaN at the foot of a curve, infinities at their end of it; a curve of nothing else has no range."""
    odd = np.arange(10.0)
    odd[[2, 3]], odd[5], odd[7] = np.nan, np.inf, -np.inf
    series = {"reward": np.full(10, np.nan), "odd": odd}
    page = open_player([cart_pole_played(10, series=series)], "#step=5")
    assert page.locator(".curve-range").all_text_contents()[:2] == ["10 NaN", "0 to 9, 2 NaN, 2 inf"]
    assert page.locator(".row-value b").all_text_contents()[:3:2] == ["NaN", "inf"]
    inked = page.evaluate(
        """() => {
          const {canvas} = jaxarcPlayer.curves.shown[1], {width, height} = canvas;
          const context = new OffscreenCanvas(width, height).getContext("2d", {willReadFrequently: true});
          context.drawImage(canvas, 0, 0);
          const ink = (step, y) => context.getImageData(Math.round(step / 9 * width), y, 1, 1).data[3] > 0;
          return [ink(2, height - 5), ink(5, 2), ink(7, height - 5), ink(7, 2)];
        }"""
    )
    assert inked == [True, True, True, False]


def test_of_dozens_of_curves_some_are_shown_and_any_can_be(open_player: OpenPlayer) -> None:
    """What moves comes first, what was observed has its share; the chooser filters, and ticks its rows."""
    random = np.random.default_rng(0)
    info = {f"net.loss {n}": random.normal(size=20) if n % 2 else np.ones(20) for n in range(40)}
    page = open_player(
        [cart_pole_played(20, series={"reward": np.ones(20), "value": np.arange(20.0), **info})]
    )
    shown = page.locator(".curve-name").all_text_contents()
    assert shown == ["reward", "value", "net.loss 1", "net.loss 3", *(f"observation {n}" for n in range(4))]
    assert page.text_content("#choose-curves") == "Curves: 8 of 46"
    page.click("#choose-curves")
    page.fill("#curve-filter", "LOSS 3")
    page.click("#curves-all")
    press(page, "Escape")
    assert page.locator(".curve-name").count() == 8 + 10
    assert page.locator(".row-value b:not(.second)").last.text_content()
    press(page, "v")
    page.click("#curves-initial")
    press(page, "Escape")
    assert page.locator(".curve-name").all_text_contents() == shown


def test_short_leaves_leave_no_room_beside_tall_ones(open_player: OpenPlayer) -> None:
    """Leaves of a nested observation stand in two columns, each where one ends first."""
    tree = {
        "board": np.zeros((4, 12, 12), np.int8),
        "position": np.ones((4, 2)),
        "screen": np.full((4, 64, 64, 3), 90, np.uint8),
        "direction": np.arange(4),
        "mission": np.array(["go"] * 4),
    }
    page = open_player([played(tree, 3)], height=1400)
    gaps = page.evaluate(
        """() => [...document.querySelectorAll(".leaf-column")].flatMap((column) => {
          const boxes = [...column.children].map((leaf) => leaf.getBoundingClientRect());
          return boxes.slice(1).map((box, at) => box.top - boxes[at].bottom);
        })"""
    )
    assert len(gaps) == 3
    assert max(gaps) <= 20
