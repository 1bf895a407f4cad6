"""The player without a mouse: by keyboard alone, with a finger, read aloud, with little motion."""

from __future__ import annotations

from played import arc_played, cart_pole_played
from player_driver import OpenPlayer, press, state

from jaxarc.records.player import PlayerMoment


def test_the_keyboard_alone_reaches_everything(open_player: OpenPlayer) -> None:
    """Tab goes through controls that are named and seen; the list is one stop, with arrows in it."""
    page = open_player([cart_pole_played(9, number=n, name=str(n), task_id=f"t{n}") for n in range(4)])
    focused = """() => {
      const {activeElement: at} = document, style = getComputedStyle(at);
      const label = at.labels && at.labels[0] ? at.labels[0].textContent : "";
      const name = at.getAttribute("aria-label") || label || at.textContent;
      return [at.id || at.className, name.trim(), style.outlineStyle];
    }"""
    names = []
    for _ in range(40):
        press(page, "Tab")
        where, name, outline = page.evaluate(focused)
        if where == "many":  # the page itself, between the last control and the first
            continue
        if where in (found[0] for found in names):
            break
        names.append((where, name, outline))
    reached = [where for where, _, _ in names]
    assert [where for where in reached if "item" in where] == ["item first"]
    for wanted in ("beside", "theme", "help", "play", "speed", "choose-curves", "track"):
        assert wanted in reached
    assert all(name for _, name, _ in names)
    assert [where for where, _, outline in names if outline == "none"] == []
    page.locator("#list button").first.focus()
    press(page, "ArrowDown", "ArrowDown", "ArrowUp", "End")
    assert page.evaluate("document.activeElement.dataset.index") == "3"
    press(page, "Enter")
    page.locator("h2", has_text="Episode 3").wait_for(timeout=5_000)
    press(page, "Home", "Shift+Enter")
    page.locator(".pane").nth(1).wait_for(timeout=5_000)
    assert state(page) == [3, 0, 0]
    label = page.locator("#list button").first.get_attribute("aria-label")
    assert label == "Episode 0, t0, Terminated, return 1"


def test_only_cells_have_a_palette_and_digits_to_choose(open_player: OpenPlayer) -> None:
    """The choices come and go with the episode; both are controls that a key reaches."""
    page = open_player([arc_played(9, side=5, number=0, name="0"), cart_pole_played(9, number=1, name="1")])
    assert page.is_visible("#palette")
    page.locator("#palette").focus()
    press(page, "Tab")
    assert page.evaluate("document.activeElement.id") == "digits"
    page.locator("#track").focus()
    press(page, "n")
    page.locator("h2", has_text="Episode 1").wait_for(timeout=5_000)
    assert not page.is_visible("#palette")
    assert not page.is_visible("#digits")
    press(page, "b")
    page.locator(".pane").nth(1).wait_for(timeout=5_000)
    assert page.is_visible("#palette")


def test_returns_in_the_list_stand_below_each_other(open_player: OpenPlayer) -> None:
    """With as many decimals as the longest of them; what is no plain number is left as it is."""
    returns = (10.0, 0.125, -3.5, float("nan"), 2e9)
    page = open_player(
        [cart_pole_played(2, number=n, name=str(n), total_reward=value) for n, value in enumerate(returns)]
    )
    shown = page.locator(".item-return").all_inner_texts()
    assert shown == ["10.000", "0.125", "\u22123.500", "NaN", "2e9"]


def test_a_dialog_keeps_the_focus_and_gives_it_back(open_player: OpenPlayer) -> None:
    """The keys and the curves: Tab stays inside, the page's keys rest, Escape closes."""
    page = open_player([cart_pole_played(9)])
    for key, dialog in (("?", "#keys"), ("v", "#curves")):
        page.locator("#track").focus()
        press(page, key, *["Tab"] * 9, "n", "ArrowRight")
        assert page.evaluate(f"document.activeElement.closest('{dialog}, body').tagName") in (
            "DIALOG",
            "BODY",
        )
        assert page.is_visible(dialog)
        assert state(page)[2] == 0
        press(page, "Escape")
        assert not page.is_visible(dialog)
        assert page.evaluate("document.activeElement.id") == "track"


def test_the_track_is_a_slider_that_is_read_aloud(open_player: OpenPlayer) -> None:
    """Its value is the step, in words what happens there; arrows in both directions move it."""
    moments = (PlayerMoment(7, "reward +1"),)
    page = open_player([arc_played(30, side=5, moments=moments)])
    page.locator("#track").focus()
    press(page, "ArrowUp", "PageUp", "ArrowDown", "PageDown", "ArrowRight", "Shift+ArrowUp")
    assert state(page)[2] == 11
    page.wait_for_selector("#track[aria-valuenow='11']")
    assert page.get_attribute("#track", "role") == "slider"
    canvas = page.locator("canvas.cells").nth(1)
    assert "After: board of" in str(canvas.get_attribute("aria-label"))
    assert "changed" in str(canvas.get_attribute("aria-label"))
    assert page.locator("#status").get_attribute("aria-live") == "polite"
    assert "step 11, Fill" in str(page.text_content("#status"))


def test_a_finger_scrubs_and_little_motion_begins_slowly(open_player: OpenPlayer) -> None:
    """On a telephone a drag moves the cursor; who asked for reduced motion starts at two steps a second."""
    telephone = {"width": 360, "height": 740, "has_touch": True, "is_mobile": True}
    page = open_player([cart_pole_played(200)], reduced_motion="reduce", **telephone)
    assert page.input_value("#speed") == "2"
    page.locator("#track").scroll_into_view_if_needed()
    box = page.locator("#area").bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    y = box["y"] + 18
    for kind, share in (("touchStart", 0.5), ("touchMove", 0.3), ("touchMove", 0.25)):
        points = [{"x": box["x"] + share * box["width"], "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert abs(state(page)[2] - 50) <= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
