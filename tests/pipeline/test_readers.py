"""Readers of what is committed: heard of in health(), and in nobody's way."""

from __future__ import annotations

import numpy as np
import pytest

from jaxarc.pipeline import ReaderLag, Readers
from jaxarc.records.table import EpisodeTable


class Slow:
    """A reader that only counts what it heard of."""

    def __init__(self, name: str):
        self.name = name
        self.lag = ReaderLag()

    def committed(self, episodes: EpisodeTable) -> None:
        self.lag = ReaderLag(self.lag.episodes + len(episodes), 1.5)


class Broken(Slow):
    """One that cannot read."""

    def committed(self, episodes: EpisodeTable) -> None:
        super().committed(episodes)
        raise ValueError("no such column")


TWO = EpisodeTable({"episode": np.arange(2)})


def test_every_reader_has_a_lag_of_its_own():
    """By name; a second one of a name gets a number."""
    readers = Readers()
    for _ in range(2):
        readers.add(Slow("drawing"))
    readers.tell(TWO)
    readers.add(Slow("wandb"))
    readers.tell(TWO)
    assert readers.lags() == {
        "drawing": ReaderLag(4, 1.5),
        "drawing 2": ReaderLag(4, 1.5),
        "wandb": ReaderLag(2, 1.5),
    }


def test_a_reader_that_fails_is_switched_off_and_the_others_go_on(caplog: pytest.LogCaptureFixture):
    """Counted and said once; it is not told of anything again."""
    readers, broken, other = Readers(), Broken("broken"), Slow("other")
    readers.add(broken)
    readers.add(other)
    for _ in range(3):
        readers.tell(TWO)
    assert (broken.lag.episodes, other.lag.episodes) == (2, 6)
    assert readers.errors == 1
    assert "ValueError: no such column" in readers.first_error
    assert list(readers.lags()) == ["other"]
    assert [record.message for record in caplog.records] == [
        "recording: reader broken failed and is switched off (no such column)"
    ]
