"""The player's page as a file: what it holds, what it forbids itself, how large it is."""

from __future__ import annotations

import base64
import hashlib
import re

import numpy as np
import pytest
from played import NASTY, arc_played, cart_pole_played, frames_played, played

from jaxarc.errors import RenderError
from jaxarc.records.player import PlayerEpisode
from jaxarc.rendering import Style
from jaxarc.rendering.player import player_page
from jaxarc.rendering.player.codecs import decode_boards, decode_varints
from jaxarc.rendering.player.packing import pack_episode, read_stream


def part_of(episode: PlayerEpisode, **known: object) -> tuple[dict, bytes]:
    """Return the part of a packed episode that has these entries, and its bytes."""
    header, body = read_stream(pack_episode(episode))
    (spec,) = [part for part in header["parts"] if known.items() <= part.items()]
    start, count = spec["at"]
    return spec, body[start : start + count]


def test_a_hundred_episodes_of_fifty_boards_are_under_a_megabyte() -> None:
    """The boards of 30x30 cells change in rectangles of up to 16 cells, with another selection every step."""
    page = player_page([arc_played(50, seed=seed, name=str(seed), number=seed) for seed in range(100)])
    assert len(page.encode()) < 1_000_000


def test_the_same_episodes_give_the_same_page() -> None:
    """There is no time stamp and nothing random in it."""
    pages = {player_page([arc_played(9), cart_pole_played(9)], Style(), "twice") for _ in range(2)}
    assert len(pages) == 1


def test_only_the_pages_own_script_and_style_may_run() -> None:
    """The hashes of the policy are those of the script and the style sheet that are in the page."""
    page = player_page([arc_played(3)])
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    for kind, text in (("script", script), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}';" in policy[1]
    assert policy[1].startswith("default-src 'none';")
    assert "unsafe" not in policy[1]
    for forbidden in (
        "innerHTML",
        "eval(",
        "new Function",
        "document.write",
        "http://",
        "insertAdjacentHTML",
    ):
        assert forbidden not in script
    assert "https://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_names_are_never_markup() -> None:
    """Titles, tasks, metrics, actions, notes and paths of observations are data; the title is escaped."""
    episode = played(
        {NASTY: np.zeros((4, 2), np.float32)},
        3,
        name=NASTY,
        task_id=NASTY,
        stream=NASTY,
        ended=NASTY,
        actions=(NASTY,) * 3,
        series={"reward": np.zeros(3), NASTY: np.zeros(3)},
        facts={NASTY: NASTY},
        notes=(NASTY,),
    )
    page = player_page([episode], title=NASTY)
    assert "alert(1)</script>" not in page
    assert page.count("<script") == 2
    assert page.count("</title>") == 1


def test_boards_are_packed_without_the_padding_that_none_of_them_fills() -> None:
    """What is unpacked are the boards themselves."""
    episode = arc_played(12, side=30, seed=4)
    spec, data = part_of(episode, part="leaf")
    boards = decode_boards(data, (13, spec["rows"], spec["columns"]))
    assert (spec["kind"], spec["shape"]) == ("cells", [30, 30])
    assert spec["rows"] < 30 or spec["columns"] < 30
    assert (boards == episode.observation[:, : spec["rows"], : spec["columns"]]).all()


def test_each_frame_of_a_stack_is_there_once() -> None:
    """Of twenty-one stacks of four frames, twenty-four frames are different."""
    spec, data = part_of(frames_played(20), part="leaf")
    assert (spec["of"], spec["tiles"], spec["planes"]) == ("stack", 4, 24)
    assert (decode_varints(data[: spec["order"]]).reshape(21, 4)[:, 3] == np.arange(3, 24)).all()


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.zeros((4, 4), np.int8), "cells"),
        (np.full((1, 30), 40, np.int32), "cells"),
        (np.full((5, 5), -1, np.int8), "cells"),
        (np.full((4, 4), 2**40), "pixels"),
        (np.zeros((4, 4), np.float32), "pixels"),
        (np.full((4, 4), np.nan), "pixels"),
        (np.full((40, 40, 3), 9, np.uint8), "pixels"),
        (np.full((40, 40, 3), 0.5), "pixels"),
        (np.full((3, 40, 40), 7, np.uint8), "pixels"),
        (np.zeros((10, 10, 4), bool), "cells"),
        (np.linspace(-1, 1, 75).reshape(5, 5, 3), "pixels"),
        (np.zeros((2, 40, 40, 3), np.uint8), "pixels"),
        (np.float32(1.5), "bars"),
        (np.zeros(300), "bars"),
        (np.zeros((2, 2, 2, 2)), "text"),
        (np.zeros(0), "text"),
        (np.zeros(2, np.complex64), "text"),
    ],
    ids=lambda value: f"{value.dtype} {value.shape}" if isinstance(value, (np.ndarray, np.generic)) else "",
)
def test_every_kind_of_value_is_packed(value: np.ndarray, kind: str) -> None:
    """Whatever was observed is one of the four things that the page can draw, and has a picture besides."""
    episode = played(np.stack([value, value, value]), 2)
    assert part_of(episode, part="leaf")[0]["kind"] == kind
    assert player_page([episode])


def test_an_episode_without_steps_has_a_page() -> None:
    """Its row is all there is; the page says why."""
    nothing = np.zeros(0, np.int64)
    fields = {"step": nothing, "before": nothing, "after": nothing, "series": {}, "moments": ()}
    assert player_page([played({}, 5, **fields, notes=("Only its row is stored.",))])


def test_a_page_needs_an_episode() -> None:
    """An empty list is an error that says so."""
    with pytest.raises(RenderError, match="needs an episode"):
        player_page([])
