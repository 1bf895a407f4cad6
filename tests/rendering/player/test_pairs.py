"""Two episodes beside each other: at one step, with the step where they part."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from played import arc_played, cart_pole_played
from player_driver import OpenPlayer, press, state

from jaxarc.records.player import PlayerEpisode, PlayerRemark


def forked(episode: PlayerEpisode, step: int, num_steps: int, **changes: object) -> PlayerEpisode:
    """Return an episode that goes another way after a step, and is of another length."""
    seen = np.array(episode.observation[: num_steps + 1])
    seen[step + 1 :] = seen[step + 1 :] + 1
    rows = np.arange(num_steps)
    cut = {
        "number": 8,
        "name": "8",
        "total_steps": num_steps,
        "step": rows,
        "before": rows,
        "after": rows + 1,
        "actions": episode.actions[:num_steps],
        "selection": None if episode.selection is None else episode.selection[:num_steps],
        "series": {name: values[:num_steps] for name, values in episode.series.items()},
        "observation": seen,
        "moments": (),
    }
    return replace(episode, **(cut | changes))


def test_two_episodes_say_where_they_part(open_player: OpenPlayer) -> None:
    """The step is marked on the track, among the key moments, and words lead there; lengths differ."""
    one = arc_played(30, side=8, remarks=(PlayerRemark("why?"),))
    page = open_player([one, forked(one, 11, 20, remarks=())], "#with=8")
    tops = page.locator(".step-line").evaluate_all("(lines) => lines.map((line) => line.offsetTop)")
    assert tops[0] == tops[1]  # whatever is said above one of them
    assert page.text_content("#parting") == "part at step 12: what they see differs"
    mark = page.locator(".moment-mark.parting")
    assert mark.get_attribute("title") == "Step 12: part at step 12: what they see differs"
    press(page, ".")
    assert state(page) == [0, 1, 12]
    press(page, "Home")
    page.click("#parting")
    assert state(page)[2] == 12
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert page.evaluate("jaxarcPlayer.panes.map((pane) => pane.position)") == [12, 12]


def test_episodes_part_by_action_selection_or_reward_as_well(open_player: OpenPlayer) -> None:
    """Vectors and boards; those that never part, and those that have no step in common, say so."""
    cart, arc = cart_pole_played(9), arc_played(9, side=5)
    assert arc.selection is not None
    other = np.array(arc.selection)
    other[4] = ~other[4]
    pressed = ("action 9", *cart.actions[1:])
    paid = {**cart.series, "reward": np.where(np.arange(9) == 6, 2.0, 1.0)}
    pairs = {
        f"differ from the start: {cart.actions[0]} here, action 9 there": (cart, {"actions": pressed}),
        "part at step 4: other cells are selected": (arc, {"selection": other}),
        "part at step 6: the reward differs": (cart, {"series": paid}),
        "alike throughout": (cart, {}),
        "no step in common": (cart, {"step": np.arange(9) + 20, "total_steps": 40}),
    }
    episodes = []
    for number, (episode, changes) in enumerate(pairs.values()):
        episodes += [replace(episode, name=f"{number}a"), replace(episode, name=f"{number}b", **changes)]
    page = open_player(episodes)
    said = []
    for number in range(len(pairs)):
        page.evaluate(f"location.hash = '#episode={number}a&with={number}b'")
        page.locator("h2", has_text=f"Episode {number}b").wait_for(timeout=5_000)
        said.append(page.text_content("#parting"))
    assert said == list(pairs)
    assert page.locator("#parting").is_disabled()


def test_cart_poles_beside_each_other_share_their_curves(open_player: OpenPlayer) -> None:
    """Each curve has both, in two colours; the longer one goes on alone."""
    page = open_player([cart_pole_played(40), cart_pole_played(25, seed=1, name="8")], "#with=8&step=30")
    assert page.locator(".row-value .second").all_text_contents() != [""] * 6
    assert page.get_by_text("ended 6 steps ago").is_visible()
    assert str(page.text_content("#parting")).startswith("differ from the start")
