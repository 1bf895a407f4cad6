"""Segments as JSON: the same run, read alike, bit for bit; what was changed is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from damage import flip
from odd_run import assert_same_episodes, record_odd_run
from recording import config, counted, counts_by_lane, light_body, read

import jaxarc
from jaxarc import Recorder
from jaxarc.config import Config
from jaxarc.errors import ConfigError, DamagedFileError
from jaxarc.export import episode_parts
from jaxarc.replay import ReplaySystem
from jaxarc.storage import segment_files

FORMATS = ("hdf5", "json")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ReplaySystem]:
    """The same odd steps in each format."""
    root = tmp_path_factory.mktemp("runs")
    return {name: record_odd_run(root / name, logging={"format": name}) for name in FORMATS}


def test_both_formats_read_the_same_bit_for_bit(runs: dict[str, ReplaySystem]):
    """Rows and every array of every episode: masks, bfloat16, uint32 keys, int4, NaN, empty ones."""
    assert {path.suffix for path in segment_files(runs["json"].run_dir)} == {".json"}
    assert {path.suffix for path in segment_files(runs["hdf5"].run_dir)} == {".h5"}
    tables = [runs[name].episodes() for name in FORMATS]
    for name, column in tables[0].columns.items():
        if name not in ("start_time", "end_time"):
            assert column.dtype == tables[1][name].dtype
            assert column.tobytes() == tables[1][name].tobytes(), name
    for number in range(3):
        first, second = (runs[name].load_episode(number) for name in FORMATS)
        assert_same_episodes(episode_parts(second), episode_parts(first))
        assert_same_episodes(second.next_observation, first.next_observation)
        assert second.fields("key") == first.fields("key")


@pytest.mark.parametrize("format", FORMATS)
def test_episodes_over_many_segments_read_as_they_were_recorded(run_root: Path, format: str):
    """Every segment is read by itself; an index is made of both kinds."""
    settings = config(
        run_root, capture={"chunk_bytes": 60}, storage={"segment_bytes": 1}, logging={"format": format}
    )
    with Recorder(settings) as recorder:
        recorder.scan(light_body, jnp.arange(3), None, 23)
    run = read(recorder)
    assert counts_by_lane(run) == {(0, env): counted(env, 23) for env in range(3)}
    assert run.problems == ()
    (run.run_dir / "run.json").unlink()
    assert len(jaxarc.open(run.run_dir)) == len(run)


def test_a_json_segment_is_what_the_documentation_says(runs: dict[str, ReplaySystem]):
    """JSON that any program reads: names, dtypes and shapes of the program, NaN tagged."""
    (path,) = segment_files(runs["json"].run_dir)
    value = json.loads(path.read_bytes(), parse_constant=pytest.fail)
    assert (value["format"], value["schema_version"], value["writer"]) == ("jaxarc-segment", 1, "p000")
    columns: dict[str, Any] = value["columns"]
    assert columns["episodes/episode"]["data"] == [0, 1, 2]
    (steps,) = (
        name for name, group in value["groups"].items() if group.get("layout", {}).get("kind") == "steps"
    )
    mask = columns[f"{steps}/observation/mask"]
    assert (mask["dtype"], mask["shape"][1:], mask["leaf"]) == ("bool", [13], {})
    assert mask["data"][0][:4] == [True, False, False, True]
    assert columns[f"{steps}/observation/half"]["dtype"] == "bfloat16"
    assert columns[f"{steps}/observation/half"]["data"][0][1] == {"$float": "nan"}
    assert columns[f"{steps}/key"]["leaf"] == {"key_impl": "threefry2x32"}
    assert len(path.read_text().splitlines()) == len(columns) + 3


def test_a_changed_or_cut_json_segment_is_refused(runs: dict[str, ReplaySystem], tmp_path: Path):
    """Whatever byte: a digit that became another one is no data."""
    run_dir = Path(shutil.copytree(runs["json"].run_dir, tmp_path / "run"))
    (run_dir / "index.h5").unlink()
    (path,) = segment_files(run_dir)
    original = path.read_bytes()
    rng = np.random.default_rng(0)
    for position in [0, len(original) - 3, *rng.choice(len(original), 40, replace=False).tolist()]:
        path.write_bytes(original)
        flip(path, position, 1 << int(rng.integers(0, 7)))
        (problem, *_) = ReplaySystem(run_dir).problems
        assert problem.path == path
    for length in range(0, len(original), max(1, len(original) // 20)):
        path.write_bytes(original[:length])
        with pytest.raises(DamagedFileError, match=r"p000-000001\.json"):
            raise ReplaySystem(run_dir).problems[0]


def test_pickle_is_refused_with_the_reason_and_the_way_out():
    """The seed offered it."""
    with pytest.raises(ConfigError, match=r"runs the code.*RUN --format pickle.*try logging.format=hdf5"):
        Config.from_dict({"logging": {"format": "pickle"}})
