"""Exports hold exactly what was recorded, and open in what they are for."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import duckdb
import minari
import numpy as np
import pyarrow.parquet as pq
import pytest
from odd_run import assert_same_episodes, leaves_by_path, record_odd_run
from typer.testing import CliRunner

from jaxarc.cli.app import app
from jaxarc.errors import NotRecordedError, StorageError
from jaxarc.export import EXPORT_FORMATS, ExportError, episode_parts, export_run, read_json_lines
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Two whole episodes and one that was cut."""
    return record_odd_run(tmp_path_factory.mktemp("runs"))


@keep_segments_open()
def expected(run: ReplaySystem) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    rows = list(run.episodes())
    return [
        ({k: v for k, v in row.items() if k != "uid"}, episode_parts(run.load_episode(row.episode)))
        for row in rows
    ]


def assert_rows_equal(found: Any, row: Any) -> None:
    assert found.keys() == row.keys()
    for name, value in row.items():
        assert found[name] == value or (value != value and found[name] != found[name]), name


def test_the_parts_of_an_episode_are_what_was_recorded_and_no_more(run: ReplaySystem):
    """T+1 observations of a whole episode, hashes with their steps, keyframes with theirs."""
    whole = episode_parts(run.load_episode(0))
    assert whole["observation"]["board"].shape == (6, 3, 4)
    assert "next_observation" not in whole
    assert "mark" not in whole
    assert whole["success"].tolist() == [False, False, False, False, True]
    assert whole["journal"]["state_hash"]["time"].dtype == np.uint32
    assert whole["info"]["pair"][0].tolist() == [0j, 1j, 2j, 3j, 4j]


def test_json_lines_are_read_back_bit_for_bit(run: ReplaySystem, tmp_path: Path):
    """Every dtype, NaN and its payload, tuples, empty arrays; the rows as well."""
    summary = export_run(run, "jsonl", tmp_path / "a.jsonl")
    assert (summary.episodes, summary.steps, summary.left_out) == (3, 12, {})
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert json.loads(lines[0], parse_constant=pytest.fail)["run"]["run_id"] == run.name
    assert len(lines) == 4
    found = list(read_json_lines(tmp_path / "a.jsonl"))
    for (row, parts), (true_row, true_parts) in zip(found, expected(run), strict=True):
        assert_rows_equal(row, true_row)
        assert_same_episodes(parts, true_parts)


def test_a_pickle_is_plain_dicts_of_arrays(run: ReplaySystem, tmp_path: Path):
    """Protocol 5, no class of ours in it."""
    export_run(run, "pickle", tmp_path / "a.pkl", limit=2)
    content = (tmp_path / "a.pkl").read_bytes()
    assert b"jaxarc" not in content.replace(b"jaxarc_version", b"").split(b"episodes")[-1]
    loaded = pickle.loads(content)
    assert type(loaded["episodes"]) is list
    assert len(loaded["episodes"]) == 2
    for episode, (true_row, true_parts) in zip(loaded["episodes"], expected(run), strict=False):
        assert_rows_equal(episode["row"], true_row)
        assert_same_episodes(episode["steps"], true_parts)


def test_a_minari_dataset_goes_to_a_relative_folder(
    run: ReplaySystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """``--out datasets`` means a folder below the current one."""
    monkeypatch.chdir(tmp_path)
    name = export_run(run, "minari", "datasets").dataset_id
    assert (tmp_path / "datasets" / name / "data" / "main_data.hdf5").is_file()


def test_a_minari_dataset_opens_in_minari(run: ReplaySystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """By name and by path; complete episodes, T+1 observations, seeds, and nothing in the user's home."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    summary = export_run(run, "minari", tmp_path / "sets")
    assert list(home.iterdir()) == []
    assert summary.episodes == 2
    assert summary.left_out == {"it was cut, or only some of its steps are stored": 1}
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "sets"))
    for dataset in (
        minari.load_dataset(summary.dataset_id),
        minari.MinariDataset(tmp_path / "sets" / summary.dataset_id / "data"),
    ):
        assert (dataset.total_episodes, dataset.total_steps) == (2, 10)
        for number, found in enumerate(dataset.iterate_episodes()):
            true = episode_parts(run.load_episode(number))
            observations = found.observations
            for name, leaf in true["observation"].items():
                mine = observations["a%2Fb" if name == "a/b" else name]
                if name == "half":
                    assert mine.dtype == np.float32
                    leaf = leaf.astype(np.float32)
                assert (mine.dtype, mine.shape) == (leaf.dtype, leaf.shape)
                np.testing.assert_array_equal(mine, leaf)
            assert_same_episodes(found.actions, true["action"])
            np.testing.assert_array_equal(found.rewards, true["reward"])
            assert found.terminations.tolist() == [False, False, False, False, True]
            np.testing.assert_array_equal(found.infos["metrics"]["m"], true["metrics"]["m"])
            assert (np.diff(found.infos["constants"]["target"]) == 1).all()
            for name in ("board", "mask", "a%2Fb"):  # Gymnasium's boxes hold no NaN
                assert dataset.observation_space[name].contains(observations[name][0])
            assert dataset.action_space["selection"].contains(found.actions["selection"][0])
        seeds = [metadata["seed"] for metadata in dataset.storage.get_episode_metadata([0, 1])]
        assert seeds == [40, 41]


def flattened(parts: dict[str, Any], count: int) -> dict[str, np.ndarray]:
    """Return the columns that an episode's steps should have."""
    named = {}
    for path, leaf in leaves_by_path(parts).items():
        name = path.removeprefix("|").replace("a/b", "a%2Fb").replace("|", "/")
        named[name.replace("constants/", "episode/")] = leaf
    return named


def test_parquet_opens_in_pyarrow_pandas_and_duckdb_with_exact_values(run: ReplaySystem, tmp_path: Path):
    """Boards, masks, uint32, NaN and bfloat16; what a column was stands in its metadata."""
    export_run(run, "parquet", tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "steps.parquet")
    parts = [flattened(true, 0) for _, true in expected(run)]
    assert table.num_rows == 12
    assert table["episode"].to_pylist() == [0] * 5 + [1] * 5 + [2] * 2
    for name in (
        "observation/board",
        "observation/mask",
        "observation/a%2Fb",
        "observation/half",
        "reward",
        "action/selection",
        "metrics/m",
        "info/pair/1",
        "state/key",
        "observation/seen",
        "step",
    ):
        lengths = [len(true["step"]) for true in parts]
        whole = np.concatenate([true[name][:n] for true, n in zip(parts, lengths, strict=True)])
        field = table.schema.field(name)
        assert field.metadata[b"dtype"].decode() == whole.dtype.name
        assert json.loads(field.metadata[b"shape"]) == list(whole.shape[1:])
        values = np.array(table[name].to_pylist())
        wide = whole.astype(values.dtype)
        np.testing.assert_array_equal(values, wide)
    assert str(table.schema.field("observation/board").type).count("int8") == 1
    assert table["episode/target"].to_pylist()[11] == [[0, 1, 2], [3, 4, 5]]
    assert table["next_observation/board"].to_pylist()[4] == parts[0]["observation/board"][5].tolist()

    episodes, steps = (str(tmp_path / "out" / f"{name}.parquet") for name in ("episodes", "steps"))
    rows = duckdb.sql(f"""
        select e.task_id, count(*), sum(s.reward) filter (not isnan(s.reward)), max(s."observation/a%2Fb"[1]),
               max(s."observation/board"[1][1]), bool_or(s."observation/mask"[1])
        from '{episodes}' e join '{steps}' s using (writer, episode) group by all order by 1
    """).fetchall()
    assert rows[0] == ("first", 5, 0.0 + 0.5 + 0.75 + 1.0, 2**32 - 1, 3, True)
    frame = pq.read_table(episodes).to_pandas()
    assert frame["task_id"].tolist() == ["first", "second", "third"]
    assert frame["complete"].tolist() == [True, True, False]
    assert "uid" not in frame


def test_what_lies_there_is_replaced_only_by_force(run: ReplaySystem, tmp_path: Path):
    """A file, a folder and a data set; nothing unfinished stays behind."""
    for format in EXPORT_FORMATS:
        export_run(run, format, tmp_path / format)
        with pytest.raises(StorageError, match="--force"):
            export_run(run, format, tmp_path / format)
        export_run(run, format, tmp_path / format, force=True, where="complete")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(EXPORT_FORMATS)
    assert len(list(read_json_lines(tmp_path / "jsonl"))) == 2


def test_what_cannot_be_exported_says_why(run: ReplaySystem, tmp_path: Path):
    """No such format, no whole episode; and nothing is left where it should have gone."""
    with pytest.raises(ExportError, match="there are minari, parquet, jsonl, pickle; did you mean parquet"):
        export_run(run, "parket", tmp_path / "a")
    with pytest.raises(NotRecordedError, match="1: it was cut"):
        export_run(run, "minari", tmp_path / "sets", where="ended == 'cut'")
    assert list((tmp_path / "sets").iterdir()) == []


def test_a_missing_package_is_named_with_its_extra(
    run: ReplaySystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As where only the package itself is installed."""
    import sys

    for format, package in (("parquet", "pyarrow"), ("minari", "minari")):
        monkeypatch.delitem(sys.modules, f"jaxarc.export.{format}", raising=False)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(ExportError, match=rf"jaxarc-toolkit\[{format}\]"):
            export_run(run, format, tmp_path / format)


def test_the_command_says_what_it_did(run: ReplaySystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """In words, and as JSON for scripts; without --out beside the user, or where Minari looks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "sets"))
    cli = CliRunner()
    done = cli.invoke(app, ["export", str(run.run_dir), "--format", "jsonl", "--json", "--limit", "1"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {
        "run": run.name,
        "format": "jsonl",
        "path": f"{run.name}.jsonl",
        "episodes": 1,
        "steps": 5,
        "left_out": {},
        "dataset_id": "",
    }
    done = cli.invoke(app, ["export", str(run.run_dir), "--format", "minari"])
    assert "2 episodes, 10 stored steps" in done.stdout
    assert "left out 1: it was cut" in done.stdout
    assert (tmp_path / "sets" / f"{run.name}-v0" / "data" / "main_data.hdf5").is_file()
