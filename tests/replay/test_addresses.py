"""Episodes are named in several ways, and one function says which is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import run_of_segments

from jaxarc.errors import EpisodeNotFoundError
from jaxarc.records.table import EpisodeRow
from jaxarc.replay import ReplaySystem
from jaxarc.replay.addresses import address_of, shown_address


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (7, (0, 7)),
        (np.int32(7), (0, 7)),
        ("7", (0, 7)),
        (" 7 ", (0, 7)),
        ("episode_0007", (0, 7)),
        ("p001-7", (1, 7)),
        ("p001-episode_0007", (1, 7)),
        ("p123456-0", (123456, 0)),
        (EpisodeRow({"episode": 7}), (0, 7)),
        (EpisodeRow({"episode": 7, "writer": 2}), (2, 7)),
        ({"episode": np.int64(7), "writer": 2}, (2, 7)),
        ((2, 7), (2, 7)),
        (-1, (0, -1)),
    ],
    ids=repr,
)
def test_numbers_names_and_rows_are_addresses(address: Any, expected: tuple[int, int]):
    """With the writer 0 where they say none."""
    assert address_of(address) == expected


def test_the_writer_counts_where_the_address_says_none():
    """A name that says one stands."""
    assert address_of(7, 3) == (3, 7)
    assert address_of("7", 3) == (3, 7)
    assert address_of("p000-7", 3) == (0, 7)


@pytest.mark.parametrize(
    "address", ["", "seven", "p1-7", "7-9", "../7", "1" * 19, True, None, 7.0, [7], (1, 2, 3), {"writer": 1}]
)
def test_anything_else_names_no_episode(address: Any):
    """In words, with what does."""
    with pytest.raises(EpisodeNotFoundError, match="names no episode; give a number"):
        address_of(address)


def test_addresses_are_shown_as_people_write_them():
    """The first writer needs no name."""
    assert [shown_address(0, 7), shown_address(1, 7)] == ["7", "p001-7"]


def test_a_run_resolves_rows_and_loaded_episodes_of_its_own(tmp_path: Path):
    """A loaded episode, or a part of one, is as good as its number; one of another run is refused."""
    run = run_of_segments(tmp_path / "a")
    episode = run.load_episode(3)
    assert run.resolve(episode) == run.resolve(episode.row) == run.resolve(episode.steps_at([0])) == (0, 3)
    assert run.load_episode(run.episodes(sort="-episode").row(0)).episode == 11
    assert ReplaySystem(run.run_dir).resolve(episode) == (0, 3)
    other = run_of_segments(tmp_path / "b")
    with pytest.raises(EpisodeNotFoundError, match=f"loaded from run {run.name}"):
        other.load_episode(episode)


def test_the_writer_that_has_the_number_is_named(tmp_path: Path):
    """Where several processes wrote a run."""
    run = run_of_segments(tmp_path)
    with pytest.raises(EpisodeNotFoundError, match=r"of writer p004; it has none; did you mean '3'\?"):
        run.load_episode("p004-3")
