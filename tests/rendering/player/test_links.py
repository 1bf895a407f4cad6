"""Links into a page: what they say is shown, and said where it cannot be; what is shown is in the link."""

from __future__ import annotations

import numpy as np
from played import arc_played, cart_pole_played
from player_driver import OpenPlayer, press, settled, state

from jaxarc.rendering import Style


def test_a_link_brings_back_what_was_shown(open_player: OpenPlayer) -> None:
    """Episodes, step, palette, theme, digits and curves, chosen by keys; the page's own look is left out."""
    series = {"reward": np.zeros(9), "a&b": np.arange(9.0), "c=d": np.arange(9.0)}
    episodes = [cart_pole_played(9, number=n, name=str(n), series=dict(series)) for n in range(2)]
    page = open_player(episodes, "#episode=1&step=4&with=0", style=Style(palette="colorblind"))
    press(page, "c", "g", "t", "m", "v")
    page.locator("#curve-list label", has_text="a&b").click()
    page.locator("#curve-list label", has_text="observation 2").click()
    press(page, "Escape")
    shown = ["reward", "c=d", "observation 0", "observation 1", "observation 3"]
    page.wait_for_url(lambda url: url.count("curve=") == len(shown), timeout=5_000)
    address = page.evaluate("location.hash")
    assert "&palette=high_contrast&digits=on&changes=off&theme=dark&curve=reward&curve=c%3Dd" in address
    again = open_player(episodes, address, style=Style(palette="colorblind"))
    assert state(again) == [1, 0, 4]
    assert again.locator(".curve-name").all_text_contents() == shown
    assert again.input_value("#palette") == "high_contrast"
    assert again.get_attribute("html", "data-theme") == "dark"
    assert again.get_attribute("#digits", "aria-pressed") == "true"
    assert not again.is_visible("#notice")


_IN_VAIN = {
    "#episode=99&step=3": ("episode “99” is not on this page", [0, -1, 3]),
    "#with=<img src=x onerror=alert(1)>": ("episode “<img src=x onerror=alert(1)>” is not", [0, -1, 0]),
    "#step=abc": ("“abc” is no step", [0, -1, 0]),
    "#step=-3&curve=loss": ("“-3” is no step; there is no curve “loss”", [0, -1, 0]),
    "#step=1e999": ("step ∞ is past the last one, 8", [0, -1, 8]),
    "#palette=neon": ("no palette “neon”, only default, colorblind, high_contrast", [0, -1, 0]),
    "#theme=&digits=1": ("no theme “”, only auto, light, dark", [0, -1, 0]),
}


def test_what_a_link_asks_for_in_vain_is_said(open_player: OpenPlayer) -> None:
    """The page shows what it can and says what it could not, at first and later; Escape ends the words."""
    page = open_player([arc_played(9, side=4)], next(iter(_IN_VAIN)))
    for address, (words, shown) in _IN_VAIN.items():
        page.evaluate("(address) => { location.hash = address; }", address)
        page.locator("#notice-words", has_text=words).wait_for(timeout=5_000)
        assert page.locator(".curve-name").all_text_contents() == ["reward", "similarity"]
        assert state(page) == shown
    press(page, "Escape")
    assert not page.is_visible("#notice")


def test_a_step_that_is_not_stored_leads_to_the_nearest(open_player: OpenPlayer) -> None:
    """Of an episode of which some steps are stored the link says another."""
    episode = arc_played(3, side=4, step=np.array([0, 20, 49]), total_steps=50)
    page = open_player([episode], "#step=23")
    assert state(page)[2] == 20
    assert "step 23 is not stored, 20 is the nearest" in str(page.text_content("#notice-words"))
    settled(page, "#episode=7&step=20")
