"""The seed's logging fields do what they say."""

from __future__ import annotations

from pathlib import Path

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import recording

from jaxarc import Recorder
from jaxarc.config import coerce_config


def test_structured_logging_false_keeps_metrics_and_records_no_episode(run_root: Path) -> None:
    """Programs send no steps, loops keep none, and ``recorder.log`` goes on."""
    config = recording.config(run_root, logging={"structured_logging": False})
    with Recorder(config) as recorder:
        rollout = jax.jit(lambda count: recorder.scan(recording.light_body, count, length=6)[0])
        assert "callback" not in rollout.lower(jnp.zeros(2, jnp.int32)).as_text()
        rollout(jnp.zeros(2, jnp.int32))
        with recorder.episode() as episode:
            episode.step(np.zeros(2), 0, 1.0, terminated=True)
        recorder.log({"loss": 0.5}, step=3)
        assert "records no episodes" in recorder.announcement()
    run = recording.read(recorder)
    assert len(run) == 0
    assert list((run.run_dir / "steps").glob("*")) == []
    assert [event.payload["metrics"] for event in run.events("metric_batch")] == [{"loss": 0.5}]


def test_include_full_states_raises_verbose_to_full(run_root: Path) -> None:
    """Streams at ``verbose`` have their states; lower ones stay what they are."""
    levels = {"low": {"level": "standard"}, "own": {"level": "verbose"}}
    sections = {"capture": {"streams": levels}, "logging": {"include_full_states": True}}
    with Recorder(recording.config(run_root, **sections)) as recorder:
        for stream in ("train", "low", "own"):
            with recorder.episode(stream=stream) as episode:
                episode.step(np.zeros(2), 0, 1.0, terminated=True, state={"x": 5})
    run = recording.read(recorder)
    stored = {row.stream: run.load_episode(row.episode).has("state") for row in run.episodes()}
    assert stored == {"train": True, "low": False, "own": True}
    assert run.info["level"] == "full"


def test_compression_false_stores_segments_as_they_are(run_root: Path) -> None:
    """It goes before ``storage.compression``."""
    sections = {"logging": {"compression": False}, "storage": {"compression": "gzip"}}
    config = coerce_config(recording.config(run_root, "minimal", **sections))
    assert config.as_logged.storage.compression == "none"
    with Recorder(config) as recorder:
        for _ in range(20):
            with recorder.episode() as episode:
                episode.step(0, 0, 1.0, terminated=True)
    filters = []
    for path in (recording.read(recorder).run_dir / "steps").glob("*.h5"):
        with h5py.File(path) as file:
            file.visititems(
                lambda _, item: filters.append(item.compression) if isinstance(item, h5py.Dataset) else None
            )
    assert filters
    assert set(filters) == {None}
