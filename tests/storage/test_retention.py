"""Which episodes make room, and that only they do: on rows alone, and on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from chunks import Recording, flat_recording, layout_of
from hypothesis import given, settings
from hypothesis import strategies as st
from segment_runs import contents, segmented_run

from jaxarc.config import EpisodeConfig
from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.records.events import Event
from jaxarc.records.layout import FLAG_SUCCESS, FLAG_TERMINATED
from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.replay import ReplaySystem
from jaxarc.storage import EpisodeManager, SteadyStore, cleanup
from jaxarc.storage.cleanup import folder_bytes
from jaxarc.storage.columns import group_at
from jaxarc.storage.compaction import compact
from jaxarc.storage.numbered_names import numbered_name
from jaxarc.storage.retention import RetentionLimits, choose, first_successes, protected_rows
from jaxarc.storage.writers import claim_writer


def rows_of(stored: list[int], **columns: list[Any]) -> EpisodeTable:
    """Return rows whose episodes ended one after the other, none of them worth anything."""
    count = len(stored)
    given = {name: np.array(values) for name, values in columns.items()}
    task = encode_text(columns.get("task_id", [""] * count))
    return EpisodeTable(
        {
            "episode": np.arange(count),
            "writer": np.zeros(count, np.int32),
            "end_time": np.arange(count, dtype=float),
            "stored_steps": np.array(stored),
            "total_reward": np.zeros(count),
            "success": np.zeros(count, bool),
            **given,
            "task_id": task,
        }
    )


def chosen(
    rows: EpisodeTable, sizes: list[int], policy: str, protected: Sequence[int] = (), **limits: Any
) -> Any:
    safe = np.zeros(len(rows), bool)
    safe[list(protected)] = True
    options = {name: limits.pop(name) for name in ("other_bytes", "headroom") if name in limits}
    found = choose(rows, np.array(sizes, float), policy, RetentionLimits(**limits), safe, **options)
    return found.tolist()


def test_the_policies_differ_in_who_goes_first():
    """The oldest, or the largest; of equals the oldest; with manual nobody."""
    rows, sizes = rows_of([3, 9, 1, 9]), [30, 90, 10, 90]
    assert chosen(rows, sizes, "oldest_first", max_episodes=2) == [0, 1]
    assert chosen(rows, sizes, "size_based", max_episodes=2) == [1, 3]
    assert chosen(rows, sizes, "size_based", max_episodes=3) == [1]
    assert chosen(rows, sizes, "manual", max_episodes=1) == []
    assert chosen(rows, sizes, "oldest_first", max_bytes=200) == [0]
    assert chosen(rows, sizes, "oldest_first", max_bytes=200, other_bytes=60) == [0, 1]
    assert chosen(rows, sizes, "size_based", max_bytes=200, headroom=0.5) == [1, 3]
    assert chosen(rows, sizes, "oldest_first", max_bytes=220, max_episodes=4) == []


def test_the_best_and_what_is_pinned_are_safe_and_first_successes_go_last():
    """Of what is stored: an episode without steps has nothing to lose, and NaN is no return."""
    rows = rows_of(
        [2, 2, 2, 0, 2, 2],
        total_reward=[1.0, np.nan, 5.0, 9.0, 2.0, 0.0],
        success=[False, True, False, True, True, True],
        task_id=["a", "b", "a", "a", "b", "a"],
    )
    assert np.flatnonzero(protected_rows(rows)).tolist() == [2]
    assert np.flatnonzero(protected_rows(rows, {(0, 0), (1, 4)})).tolist() == [0, 2]
    assert not protected_rows(rows_of([0, 0])).any()
    assert np.flatnonzero(first_successes(rows)).tolist() == [1, 5]
    assert chosen(rows, [10] * 6, "oldest_first", [2], max_episodes=3) == [0, 4]
    assert chosen(rows, [10] * 6, "oldest_first", [2], max_episodes=1) == [0, 4, 1, 5]


@settings(max_examples=60, deadline=None)
@given(
    stored=st.lists(st.integers(0, 9), min_size=1, max_size=30),
    policy=st.sampled_from(["oldest_first", "size_based"]),
    max_episodes=st.integers(1, 30) | st.none(),
    max_bytes=st.integers(0, 2000) | st.none(),
    headroom=st.sampled_from([0.0, 0.1]),
    data=st.data(),
)
def test_what_is_chosen_is_enough_and_not_more(stored, policy, max_episodes, max_bytes, headroom, data):
    """Limits are kept where they can be; without the last one that goes they would not be."""
    rows, sizes = rows_of(stored), np.array(stored) * 10.0
    safe = np.array(data.draw(st.lists(st.booleans(), min_size=len(stored), max_size=len(stored))))
    limits = RetentionLimits(max_bytes, max_episodes)

    def is_short_of(gone: np.ndarray) -> bool:
        left = np.setdiff1d(np.flatnonzero(sizes), gone)
        return limits.are_exceeded(int(sizes[left].sum()), len(left))

    gone = choose(rows, sizes, policy, limits, safe, headroom=headroom)
    assert not safe[gone].any()
    assert (np.array(stored)[gone] > 0).all()
    if is_short_of(gone):
        assert set(gone.tolist()) == set(np.flatnonzero((sizes > 0) & ~safe).tolist())
    if len(gone) and not headroom:
        assert is_short_of(gone[:-1])
    if not is_short_of(np.zeros(0, np.int64)):
        assert len(gone) == 0


def played(count: int, length: int = 3, **arrays: Any) -> Recording:
    """Return ``count`` episodes of one environment, each worth nothing."""
    flags = np.zeros((1, count * length), np.int32)
    flags[:, length - 1 :: length] = FLAG_TERMINATED
    return flat_recording(flags, layout=layout_of(next_observation=True), **arrays)


def many_episodes(root: Path, count: int, segments: int) -> Path:
    """Record so many episodes in so many segments."""
    steps = count * 3
    store = segmented_run(root, played(count), range(0, steps, steps // segments), [0])
    store.finish("FINISHED", {"episodes": count})
    return store.open()


def keep_ten(run_dir: Path, count: int) -> None:
    before = contents(run_dir) if count < 1000 else {}
    size = folder_bytes(run_dir / "steps")
    manager = EpisodeManager(EpisodeConfig(max_episodes_per_run=10, cleanup_policy="oldest_first"), run_dir)
    would = manager.cleanup_old_data(dry_run=True)
    assert folder_bytes(run_dir / "steps") == size
    result = manager.cleanup_old_data()
    assert result.episodes == would.episodes
    assert result.is_within_limits
    run = ReplaySystem(run_dir)
    rows = run.episodes()
    assert rows["episode"].tolist() == list(range(count))
    kept = run.episodes("stored_steps > 0")
    assert kept["episode"].tolist() == [0, *range(count - 9, count)]  # the first is the best of equals
    assert (kept["complete"]).all()
    for row in kept:
        assert len(run.load_episode(row.episode).observation) == 4
    named = [tuple(p) for event in run.events("tombstone") for p in event.payload["episodes"]]
    assert named == result.episodes
    if before:
        after = contents(run_dir)
        same = [key for key in before if after[key] == before[key]]
        assert same == [(0, int(number)) for number in kept["episode"]]


def test_after_keeping_ten_of_many_the_disk_holds_what_those_ten_need(tmp_path: Path):
    """Numbers unchanged, every row there, and of the steps and observations theirs alone."""
    run_dir = many_episodes(tmp_path, 120, 4)
    keep_ten(run_dir, 120)
    (path,) = (run_dir / "steps").iterdir()
    with h5py.File(path) as file:
        (layout,) = group_at(file, "steps").values()
        assert len(layout["action"]) == len(layout["step"]) == 10 * 3
        assert len(layout["observation"]) == 10 * 4


@pytest.mark.long
def test_after_keeping_ten_of_a_hundred_thousand(tmp_path: Path):
    """The same at the size that is promised."""
    keep_ten(many_episodes(tmp_path, 100_000, 20), 100_000)


def test_a_run_keeps_within_its_limits_while_it_is_written(tmp_path: Path):
    """Old episodes give up their steps at commits, the best and the first success stay, rows all stay."""
    flags = np.zeros((1, 300), np.int32)
    flags[:, 2::3] = FLAG_TERMINATED
    flags[0, 5] |= FLAG_SUCCESS
    reward = np.zeros((1, 1, 300), np.float32)
    reward[0, 0, 31] = 7.0
    recording = flat_recording(flags, reward=reward, layout=layout_of(next_observation=True))
    limits = {"max_episodes_per_run": 20, "cleanup_policy": "oldest_first"}
    store = segmented_run(tmp_path, recording, range(0, 300, 15), [0], storage=limits)
    assert isinstance(store, SteadyStore)
    run = ReplaySystem(store.open())
    assert len(run) == 100
    kept = run.episodes("stored_steps > 0")["episode"].tolist()
    assert len(kept) <= 20
    assert {1, 10, 99, 98, 97} <= set(kept)
    assert store.cleaned_episodes == 100 - len(kept)
    assert store.cleaned_steps == 3 * store.cleaned_episodes
    tombstones = list(run.events("tombstone"))
    assert 2 <= len(tombstones) <= 80 / 2  # several go at once
    contents(store.open())


def test_the_size_of_a_run_has_a_limit_as_well(tmp_path: Path):
    """``max_storage_gb`` counts the whole folder; the largest go first."""
    free = segmented_run(tmp_path / "free", played(24, 10), range(0, 240, 30), [0]).open()
    limit = folder_bytes(free) * 0.75
    storage = {"max_storage_gb": limit / 1e9, "cleanup_policy": "size_based"}
    store = segmented_run(tmp_path / "held", played(24, 10), range(0, 240, 30), [0], storage=storage)
    assert folder_bytes(store.open()) <= limit
    run = ReplaySystem(store.open())
    assert len(run) == 24
    assert store.cleaned_episodes > 0
    contents(store.open())


def test_a_segment_that_another_writer_merges_meanwhile_is_read_where_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Sizes are read again where a listed file is gone: no row is missed, and nothing is a problem."""
    flags = np.zeros((1, 60), np.int32)
    flags[:, 4::5] = FLAG_TERMINATED
    played = flat_recording(flags, layout=layout_of())
    run_dir = segmented_run(tmp_path, played, range(0, 60, 15), [0]).open()
    before, _ = cleanup.read_sizes(run_dir, [])
    read, merged = cleanup.read_segment_tables, []

    def merges_first(path: Path) -> Any:
        if not merged:
            merged.append(compact(run_dir, 0, segment_bytes=1 << 20, compression="zstd"))
        return read(path)

    monkeypatch.setattr(cleanup, "read_segment_tables", merges_first)
    problems: list[DamagedFileError] = []
    rows, _ = cleanup.read_sizes(run_dir, problems)
    assert len(merged[0].removed) > 1
    assert (rows["uid"].tolist(), problems) == (before["uid"].tolist(), [])


def test_manual_means_that_somebody_asks(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Nothing goes while the run is written, which is said once; asked for, the oldest go first."""
    storage = {"max_episodes_per_run": 4, "cleanup_policy": "manual"}
    store = segmented_run(tmp_path, played(20), range(0, 60, 6), [0], storage=storage)
    run_dir = store.open()
    assert len(ReplaySystem(run_dir).episodes("stored_steps > 0")) == 20
    assert len([r for r in caplog.records if "jaxarc clean" in r.message]) == 1
    manager = EpisodeManager(EpisodeConfig(**storage), run_dir)
    store.finish("FINISHED", {})
    manager.cleanup_old_data()
    assert ReplaySystem(run_dir).episodes("stored_steps > 0")["episode"].tolist() == [0, 17, 18, 19]


def test_a_run_that_is_written_is_left_to_its_writer(tmp_path: Path):
    """Two who compact one writer's segments would take them from each other."""
    store = segmented_run(tmp_path, played(20), range(0, 60, 6), [0])
    manager = EpisodeManager(EpisodeConfig(max_episodes_per_run=1), store.open())
    with pytest.raises(StorageError, match="is being written"):
        manager.cleanup_old_data()


def test_pinned_episodes_and_their_pictures_stay(tmp_path: Path):
    """The latest ``pin`` of an episode counts, whoever wrote it; pictures of others go with their steps."""
    run_dir = many_episodes(tmp_path, 20, 2)
    log = claim_writer(run_dir, 7)
    for episode, pinned in [(5, True), (6, True), (6, False)]:
        log.append(Event("pin", {"writer": 0, "episode": episode, "pinned": pinned}))
    log.close()
    config = EpisodeConfig(max_episodes_per_run=3, cleanup_policy="oldest_first")
    manager = EpisodeManager(config, run_dir)
    for episode in (5, 6, 19):
        (manager.start_new_episode(episode) / "summary.svg").write_text("<svg/>")
    manager.cleanup_old_data()
    assert ReplaySystem(run_dir).episodes("stored_steps > 0")["episode"].tolist() == [0, 5, 19]
    drawn = {path.name for path in (run_dir / "episodes").iterdir()}
    assert drawn == {"episode_0005", "episode_0019"}


def test_names_sort_as_their_numbers_do():
    """With a known length they get the digits that it needs; without one they sort all the same."""
    steps = [0, 7, 99, 100, 999, 1000, 9_999, 12_345, 99_999, 100_000]
    for count in (None, 100_001):
        for template in ("step_{step:03d}", "{step:02}.x", "{step:5d}"):
            names = [numbered_name(template, step, count) for step in steps]
            assert names == sorted(names)
            assert len(set(names)) == len(names)
    assert numbered_name("step_{step:03d}", 3) == "step_003"
    assert numbered_name("step_{step:03d}", 3, 1000) == "step_003"
    assert numbered_name("step_{step:03d}", 3, 100_000) == "step_00003"
    assert numbered_name("step_{step:03d}", 1000) == "step_a1000"
    assert numbered_name("{step}", 1000) == "1000"


def test_the_manager_names_steps_and_episodes(tmp_path: Path):
    """The seed's calls; episodes of other writers stand beside those of the first."""
    manager = EpisodeManager(EpisodeConfig(base_output_dir=str(tmp_path)))
    manager.start_new_run("mine")
    assert manager.start_new_episode(7).name == "episode_0007"
    assert manager.get_step_path(3).name == "step_003.svg"
    assert manager.start_new_episode(7, writer=1, num_steps=100_000).name == "p001-episode_0007"
    assert manager.get_step_path(3, "png").name == "step_00003.png"
