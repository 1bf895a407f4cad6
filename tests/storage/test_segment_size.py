"""What ARC steps take on disk, and how many parts a segment has: that decides how fast it is written."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

import jaxarc
from jaxarc.envs import Rollout, make_policy
from jaxarc.storage import segment_files

NUM_ENVS, NUM_STEPS = 16, 512


@pytest.fixture(scope="module")
def segment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One segment of 8,192 ARC steps, played at random on real tasks with every step recorded."""
    config = {
        "capture": {"level": "verbose", "envs": NUM_ENVS},
        "pipeline": {"flush_interval": 600.0},
        "storage": {"base_output_dir": str(tmp_path_factory.mktemp("sizes"))},
    }
    env = jaxarc.AutoReset(jaxarc.ArcEnv(jaxarc.load_tasks("arc-agi-1", "training")))
    with jaxarc.Recorder(config) as recorder:
        policy = make_policy("random")
        rollout = Rollout(
            env, policy, num_envs=NUM_ENVS, steps_per_call=NUM_STEPS, seed=0, scan=recorder.scan
        )
        rollout.play()
    assert recorder.run_dir is not None
    [path] = segment_files(recorder.run_dir)
    return path


def datasets(path: Path) -> dict[str, h5py.Dataset]:
    """Return every dataset of an open file by its path."""
    found: dict[str, h5py.Dataset] = {}
    h5py.File(path).visititems(
        lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None
    )
    return found


def test_an_arc_step_takes_at_most_200_bytes(segment: Path):
    """Boards, selections, actions, keys, scalars and the episodes' rows, all in all."""
    steps = sum(len(item) for name, item in datasets(segment).items() if name.endswith("/step"))
    assert steps == NUM_ENVS * NUM_STEPS
    assert segment.stat().st_size <= 200 * steps


def test_each_board_is_stored_once(segment: Path):
    """T+1 boards of T steps: an episode's, and of those that lie in two blocks one more."""
    found = datasets(segment)
    (boards,) = (len(item) for name, item in found.items() if name.endswith("/observation"))
    (blocks,) = (len(item) for name, item in found.items() if name.endswith("/blocks/uid"))
    assert boards == NUM_ENVS * NUM_STEPS + blocks


def test_a_segment_has_a_dataset_a_column_and_no_more(segment: Path):
    """Each costs the writer its share of the time, whatever is in it."""
    parts = Counter(name.split("/")[0] for name in datasets(segment))
    assert parts["episodes"] <= 26
    assert parts["steps"] <= 20


def test_small_datasets_are_not_compressed_and_large_ones_are(segment: Path):
    """Compressing a few hundred bytes takes longer than writing them; every dataset carries a checksum."""
    for name, item in datasets(segment).items():
        filters = item.id.get_create_plist()
        codes = {filters.get_filter(i)[0] for i in range(filters.get_nfilters())}
        assert h5py.h5z.FILTER_FLETCHER32 in codes, name
        nbytes = int(np.prod(item.shape)) * item.dtype.itemsize
        assert (32015 in codes) == (nbytes >= 1024), name
