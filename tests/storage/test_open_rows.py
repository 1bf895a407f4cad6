"""Episodes that are open at a commit: their rows are on disk, and steps with them, whatever comes then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from chunks import Recording, nameless
from damage import truncate
from recording import config, light_step, read

from jaxarc import Recorder
from jaxarc.config import CaptureConfig, EpisodeConfig
from jaxarc.pipeline import Assembler, ChunkItem, EpisodeWriter, Readers
from jaxarc.records.layout import FLAG_ACTIVE
from jaxarc.records.table import EpisodeTable
from jaxarc.replay import ReplaySystem
from jaxarc.storage import RunStore, number_open_rows, read_open_rows


def killed(run_dir: Path, to: Path) -> Path:
    """Return a copy of a run as it lies there when its process is killed now."""
    copy = Path(shutil.copytree(run_dir, to / run_dir.name))
    content = json.loads((copy / "run.json").read_bytes())
    (copy / "run.json").write_text(json.dumps({**content, "pid": 2**40}))
    return copy


@pytest.mark.parametrize("level", ["minimal", "standard", "verbose"])
def test_what_was_flushed_of_an_open_episode_is_found_after_a_kill(
    run_root: Path, tmp_path: Path, level: str
):
    """At every level its row; where steps were on their way, those, with the observation after the last."""
    with Recorder(config(run_root, level)) as recorder:
        for time in range(8):
            recorder.tap(light_step(jnp.array([time, time + 1])))
        assert recorder.flush()
        assert recorder.run_dir is not None
        run = ReplaySystem(killed(recorder.run_dir, tmp_path))
        assert run.status == "LOST"
        assert run.problems == ()
        assert run.episodes()["episode"].tolist() == [0, 1, 2, 3]
        assert run.episodes()["ended"].tolist() == [b"terminated"] * 2 + [b"cut"] * 2
        cut = run.episodes("ended == 'cut'", sort="env_id")
        assert cut["total_steps"].tolist() == [3, 4]
        assert not cut["complete"].any()
        for row in cut:
            episode = run.load_episode(row.episode)
            assert row.stored_steps == (row.total_steps if level == "verbose" else 0)
            if level == "verbose":
                first = 5
                expected = list(range(first, first + row.total_steps + 1))
                assert episode.observation["count"].tolist() == expected
                assert episode.reward.sum() == pytest.approx(row.total_reward)
    whole = read(recorder)
    assert not list((whole.run_dir / "open").iterdir())
    names = [name for name in cut.columns if name not in ("episode", "writer", "stored_steps")]
    ends = whole.episodes("ended == 'cut'", sort="env_id")
    for name in names:
        assert ends[name].tolist() == cut[name].tolist()


def long_episodes(num_envs: int, num_steps: int) -> Recording:
    """Return steps that end nothing, with rewards that do not compress."""
    flags = np.full((1, num_envs, num_steps), FLAG_ACTIVE, np.int32)
    rng = np.random.default_rng(0)
    real = rng.normal(size=(2, *flags.shape)).astype(np.float32)
    return Recording(flags, real[0], real[1], np.zeros(flags.shape, np.int32), np.ones((1, num_steps), bool))


def test_a_thousand_long_episodes_take_one_small_file(tmp_path: Path):
    """It is replaced at every commit at which steps came, and at no other; no segment is written for it."""
    store = RunStore(EpisodeConfig(base_output_dir=str(tmp_path)), dict, 5.0)
    run_dir = store.open()
    assembler = Assembler(CaptureConfig(level="minimal"), nameless)
    writer = EpisodeWriter(assembler, store, 10**9, Readers(), lambda _: None)
    written = []
    for chunk in long_episodes(1024, 40).chunks(range(0, 40, 10), []):
        writer.handle(ChunkItem(chunk))
        for _ in range(2):
            writer.commit()
            (path,) = (run_dir / "open").iterdir()
            written.append((path.stat().st_ino, path.stat().st_mtime_ns))
            assert path.stat().st_size < 100_000
    assert written[0::2] == written[1::2]
    assert len(set(written)) == 4
    assert store.segments_written == 0
    rows, problems = read_open_rows(run_dir)
    assert problems == []
    assert rows[0].sequence == 0
    assert rows[0]["total_steps"].tolist() == [40] * 1024
    writer.close()
    assert not list((run_dir / "open").iterdir())
    assert store.segments_written == 1


@pytest.mark.parametrize("level", ["minimal", "verbose"])
@pytest.mark.parametrize("seed", range(4))
def test_open_rows_are_those_that_a_cut_would_give(seed: int, level: str):
    """At any chunk: they are the rows, columns and all, of a recording that ends there."""
    recording = Recording.random(np.random.default_rng(seed), 2, 3, 25)
    for num_chunks in range(1, 6):
        assembler = Assembler(CaptureConfig(level=level, envs=(0, 2)), nameless)
        for chunk in list(recording.chunks(range(0, 25, 5), [0, 2]))[:num_chunks]:
            assembler.ingest(chunk)
        still_open = assembler.take(early=True).open
        assert still_open is not None
        assert assembler.take(early=True).open is None
        assembler.close_open()
        pending = assembler.take(early=False)
        assert pending.open is not None
        assert len(pending.open) == 0
        cut = pending.episodes.take(np.argsort(pending.episodes["uid"]))
        assert len(cut) == len(still_open) > 0
        for name in cut.columns:
            if name != "episode":
                np.testing.assert_array_equal(cut[name], still_open[name])
        assert still_open["episode"].tolist() == [-1] * len(cut)


def test_rows_whose_episodes_ended_since_are_passed_over():
    """The others get numbers in the order in which they began."""
    rows = EpisodeTable({"uid": np.array([3, 5, 9]), "episode": np.full(3, -1), "ended": np.full(3, b"cut")})
    shown = number_open_rows(rows, np.array([1, 5]), 7, is_running=True)
    assert shown["uid"].tolist() == [3, 9]
    assert shown["episode"].tolist() == [7, 8]
    assert shown["ended"].tolist() == [b"running"] * 2


def test_a_damaged_file_of_open_rows_is_named(run_root: Path, tmp_path: Path):
    """Every other row reads."""
    with Recorder(config(run_root)) as recorder:
        for time in range(7):
            recorder.tap(light_step(jnp.array([time])))
        assert recorder.flush()
        assert recorder.run_dir is not None
        run_dir = killed(recorder.run_dir, tmp_path)
    (path,) = (run_dir / "open").iterdir()
    truncate(path, 0.5)
    run = ReplaySystem(run_dir)
    assert [problem.path for problem in run.problems] == [path]
    assert run.episodes()["episode"].tolist() == [0]
