"""A loaded episode finds its steps again when its segments are merged, or says that they were dropped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from chunks import Recording, layout_of
from segment_runs import segmented_run, stored_contents

from jaxarc.config import EpisodeConfig
from jaxarc.errors import DamagedFileError, NotRecordedError
from jaxarc.replay import ReplaySystem
from jaxarc.storage import clean_run, segment_files
from jaxarc.storage.compaction import compact
from jaxarc.storage.run_directory import read_run_file, write_run_file

LARGE = {"segment_bytes": 32_000_000, "compression": "zstd"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of some segments whose episodes lie in several of them, with a journal beside the steps."""
    played = Recording.random(np.random.default_rng(0), 1, 2, 18)
    played.layout = layout_of(next_observation=True, journal="selected")
    store = segmented_run(tmp_path_factory.mktemp("r"), played, range(0, 18, 3), [1], journal="selected")
    run_dir = store.open()
    write_run_file(run_dir, read_run_file(run_dir) | {"status": "FINISHED"})
    return run_dir


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> ReplaySystem:
    """A copy of it to work on, open."""
    return ReplaySystem(shutil.copytree(whole, tmp_path / whole.name))


def test_arrays_that_are_first_read_after_a_merge_are_those_that_were_recorded(run: ReplaySystem):
    """Of every episode: steps, journal, hashes and keyframes, bit for bit, though their files are gone."""
    before = {row.episode: stored_contents(run.load_episode(row)) for row in run.episodes()}
    held = {row.episode: run.load_episode(row) for row in run.episodes("stored_steps > 0")}
    assert len(held) > 2
    count = len(segment_files(run.run_dir))
    compact(run.run_dir, 0, **LARGE, ended=True)
    assert len(segment_files(run.run_dir)) == 1 < count
    for number, episode in held.items():
        assert stored_contents(episode) == before[number]


def test_an_observation_whose_place_was_read_before_the_merge_is_the_right_one(run: ReplaySystem):
    """Places are numbers of a file: those of the old one are not taken for those of the new one."""
    before = {row.episode: stored_contents(run.load_episode(row)) for row in run.episodes()}
    held = {row.episode: run.load_episode(row) for row in run.episodes("stored_steps > 0")}
    for episode in held.values():
        for source in episode._everything:
            source.observation_rows()
    compact(run.run_dir, 0, **LARGE, ended=True)
    for number, episode in held.items():
        assert stored_contents(episode) == before[number]


def test_steps_that_were_dropped_meanwhile_are_said_to_be_dropped(run: ReplaySystem):
    """An episode that was loaded before names the rule, like one that is loaded afterwards: never zeros."""
    held = {row.episode: run.load_episode(row) for row in run.episodes("stored_steps > 0")}
    clean_run(run.run_dir, EpisodeConfig(max_episodes_per_run=1))
    dropped = [row.episode for row in ReplaySystem(run.run_dir).episodes("stored_steps == 0")]
    assert set(dropped) & set(held)
    for number in set(dropped) & set(held):
        with pytest.raises(NotRecordedError, match=r"dropped by retention \(.*; its row stays"):
            _ = held[number].reward


def test_steps_that_went_away_without_a_word_are_named_with_their_segment(run: ReplaySystem):
    """No rule dropped them, so the file that held them is what is missing."""
    row = run.episodes("stored_steps > 0").row(0)
    episode = run.load_episode(row)
    compact(run.run_dir, 0, **LARGE, ended=True, dropped=np.array([row.uid]))
    with pytest.raises(DamagedFileError, match="no other segment holds these steps"):
        _ = episode.reward


def test_a_damaged_segment_is_not_looked_for_elsewhere(run: ReplaySystem):
    """What is there and cannot be read is named as it is."""
    episode = run.load_episode(run.episodes("stored_steps > 0").row(0))
    for path in segment_files(run.run_dir):
        path.write_bytes(b"nothing")
    with pytest.raises(DamagedFileError, match="not a readable segment"):
        _ = episode.reward
