"""How long it takes to open, list, filter and sort a run's episodes, and to load one.

Runs of 100,000 and 10,000,000 episodes with the columns of an ARC run; some episodes have steps in a real
segment, the other rows are made up. Every timing begins with a run that is opened anew, with the files in the
page cache. The baselines answer the same questions from the same rows, opened anew each time as well: all
columns read first, as this index was once read; pandas on a Parquet file; DuckDB on one; SQLite with an index
on each column that is asked for. Those that take long are timed on the small run alone.

    python benchmarks/index.py --folder /tmp/runs --out benchmarks/results
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import jaxarc
from jaxarc import Recorder, Step
from jaxarc.records.lazy_columns import ColumnSource, HeldColumns, JoinedColumns
from jaxarc.storage import load_index
from jaxarc.storage.index_format import write_parts
from jaxarc.storage.index_part import SEGMENT, IndexPart, ListedSegment, WriterSpan
from jaxarc.storage.segment_names import STEPS_FOLDER, SegmentName

REAL_ENVS, REAL_STEPS = 64, 320
NUM_SEGMENTS = 200
NUM_TASKS = 400
TARGETS_MS = {100_000: 50.0, 10_000_000: 1_000.0}
LOAD_TARGET_MS = 20.0
TWO_COLUMNS = "success and total_steps < 12"
ONE_TASK = "task_id == 'task-0123'"
FEW = 20
PACKAGES = ("numpy", "h5py", "pandas", "pyarrow", "duckdb")
CHUNK = 1_000_000


def record_some(folder: Path) -> Path:
    """Record episodes with steps; return the run."""
    rng = np.random.default_rng(0)
    shape = (REAL_STEPS, REAL_ENVS)
    board = rng.integers(0, 10, (*shape, 30, 30)).astype(np.int8)
    config = {
        "capture": {"level": "verbose", "envs": REAL_ENVS},
        "storage": {"base_output_dir": str(folder)},
        "visualization": {"live": {"enabled": False}},
    }
    with Recorder(config) as recorder:
        recorder.names(task=[f"task-{number:04d}" for number in range(NUM_TASKS)])
        recorder.record_rollout(
            Step(
                observation=board,
                next_observation=np.roll(board, -1, 0),
                action=rng.integers(0, 35, shape).astype(np.int32),
                reward=rng.normal(size=shape).astype(np.float32),
                terminated=np.arange(REAL_STEPS)[:, None] % 10 == np.full(REAL_ENVS, 9),
                success=rng.random(shape) < 0.01,
                metrics={"similarity": rng.random(shape).astype(np.float32)},
                labels={"task": np.broadcast_to(np.arange(REAL_ENVS, dtype=np.int32), shape)},
            )
        )
    assert recorder.run_dir is not None
    return recorder.run_dir


class MadeUpRows:
    """Rows that look like a long run's, made a column at a time.

    Args:
        like: rows whose columns these have.
        first: the number of the first.
        count: how many.
    """

    def __init__(self, like: ColumnSource, first: int, count: int):
        self._like = like
        self._first = first
        self.length = count

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        return self._like.dtypes

    def read(self, name: str) -> np.ndarray:
        """Make a column."""
        dtype, count = self.dtypes[name], self.length
        rng = np.random.default_rng(sum(map(ord, name)))
        if name in ("episode", "uid"):
            return np.arange(self._first, self._first + count)
        if name in ("task", "task_id"):
            task = np.random.default_rng(7).integers(0, NUM_TASKS, count)
            if name == "task":
                return task
            return np.array([f"task-{number:04d}" for number in range(NUM_TASKS)], dtype)[task]
        if name in ("start_step", "end_step", "start_time", "end_time"):
            return (np.arange(count) * 30 + 30 * name.startswith("end")).astype(dtype)
        if name == "total_steps":
            return rng.integers(1, 60, count)
        if name == "env_id":
            return rng.integers(0, 1024, count).astype(dtype)
        if name == "success":
            return rng.random(count) < 0.1
        if dtype.kind == "f":
            return rng.normal(size=count).astype(dtype)
        if dtype.kind == "S":
            return np.full(count, self._like.read(name)[0], dtype)
        return np.zeros(count, dtype)

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Make a column in some rows."""
        return self.read(name)[positions]


def make_run(folder: Path, num_episodes: int) -> Path:
    """Record some episodes, and put made-up rows after theirs into the run's index."""
    run_dir = record_some(folder)
    index = load_index(run_dir)
    (real,) = index.parts
    count = num_episodes - real.rows.length
    made_up = MadeUpRows(real.rows, real.rows.length, count)
    segments = list(real.segments)
    for number in range(NUM_SEGMENTS):
        name = SegmentName(0, 1_000 + number, 1_000 + number)
        (run_dir / STEPS_FOLDER / str(name)).write_bytes(b"rows of this segment are in the index")
        segments.append(ListedSegment(name, 37))
    place = len(real.segments) + np.arange(count) * NUM_SEGMENTS // count
    blocks = {name: real.blocks.read(name) for name in real.blocks.dtypes}
    more = {
        "uid": np.arange(real.rows.length, num_episodes),
        "segment": place.astype(np.int32),
        "layout": np.zeros(count, np.int32),
        "row": np.zeros(count, np.int64),
        "count": np.ones(count, np.int64),
    }
    part = IndexPart(
        segments=segments,
        layouts=real.layouts,
        rows=JoinedColumns([real.rows, made_up]),
        places=HeldColumns(
            {SEGMENT: np.concatenate([real.places.read(SEGMENT), place.astype(np.int32)])}, num_episodes
        ),
        blocks=JoinedColumns([HeldColumns(blocks, real.blocks.length), HeldColumns(more, count)]),
        writers={0: WriterSpan(0, num_episodes, 0, real.blocks.length + count)},
    )
    write_parts(run_dir / "index.h5", [part], np.zeros(len(segments), bool))
    return run_dir


def batches(run_dir: Path) -> Iterator[Any]:
    """Yield the rows of a run as Arrow tables."""
    arrow = importlib.import_module("pyarrow")
    source = jaxarc.open(run_dir).episodes().source
    columns = {name: source.read(name) for name in source.dtypes}
    for start in range(0, source.length, CHUNK):
        part = {name: values[start : start + CHUNK] for name, values in columns.items()}
        yield arrow.table(
            {
                name: arrow.array(values.tolist(), arrow.binary()).cast(arrow.string())
                if values.dtype.kind == "S"
                else arrow.array(values)
                for name, values in part.items()
            }
        )


def write_parquet(run_dir: Path) -> None:
    """Write the rows as Parquet beside the run."""
    parquet = importlib.import_module("pyarrow.parquet")
    writer = None
    for table in batches(run_dir):
        writer = writer or parquet.ParquetWriter(run_dir / "rows.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def write_sqlite(run_dir: Path) -> None:
    """Write the rows into an SQLite data base with indexes."""
    frame = importlib.import_module("pandas").read_parquet(run_dir / "rows.parquet")
    with sqlite3.connect(run_dir / "rows.sqlite") as connection:
        frame.to_sql("rows", connection, index=False)
        for column in ("total_reward", "task_id", "total_steps", "episode"):
            connection.execute(f"create index by_{column} on rows ({column})")


def ours(run_dir: Path) -> dict[str, Callable[[], Any]]:
    """Return each question, asked of a run that is opened anew."""

    def opened() -> Any:
        return jaxarc.open(run_dir)

    def few(table: Any) -> list[Any]:
        return list(table.take(np.arange(min(FEW, len(table)))))

    def listed() -> Any:
        found = opened().episodes()
        return few(found), int(found["success"].sum()), int((found["stored_steps"] > 0).sum())

    rng = np.random.default_rng(1)
    kept = opened()
    return {
        "open": opened,
        f"list {FEW}, count solved and stored": listed,
        "filter by two columns": lambda: few(opened().episodes(TWO_COLUMNS)),
        "filter by task": lambda: few(opened().episodes(ONE_TASK)),
        f"sort, first {FEW}": lambda: few(opened().episodes(sort="-total_reward", limit=FEW)),
        "sort all": lambda: few(opened().episodes(sort="-total_reward")),
        "open and load an episode": lambda: opened().load_episode(int(rng.integers(1_000))).observation,
        "load an episode": lambda: kept.load_episode(int(rng.integers(1_000))).observation,
    }


def all_columns_first(run_dir: Path) -> dict[str, Callable[[], Any]]:
    """Return the questions asked of columns that were all read into memory."""

    def opened() -> dict[str, np.ndarray]:
        with h5py.File(run_dir / "index.h5", "r", locking=False) as file:
            group: Any = file["episodes"]
            return {name: group[name][()] for name in group}

    def sort() -> Any:
        rows = opened()
        return np.lexsort([-np.unique(rows["total_reward"], return_inverse=True)[1]])[:FEW]

    def two() -> Any:
        rows = opened()
        return np.flatnonzero(rows["success"] & (rows["total_steps"] < 12))[:FEW]

    def task() -> Any:
        return np.flatnonzero(opened()["task_id"] == b"task-0123")[:FEW]

    return {"open": opened, "filter by two columns": two, "filter by task": task, "sort all": sort}


def pandas_parquet(run_dir: Path) -> dict[str, Callable[[], Any]]:
    """Return the questions asked of a data frame."""
    pandas = importlib.import_module("pandas")

    def opened() -> Any:
        return pandas.read_parquet(run_dir / "rows.parquet")

    return {
        "open": opened,
        "filter by two columns": lambda: opened().query("success and total_steps < 12").head(FEW),
        "filter by task": lambda: opened().query("task_id == 'task-0123'").head(FEW),
        f"sort, first {FEW}": lambda: opened().nlargest(FEW, "total_reward"),
        "sort all": lambda: opened().sort_values("total_reward", ascending=False).head(FEW),
    }


def duckdb_parquet(run_dir: Path) -> dict[str, Callable[[], Any]]:
    """Return the questions asked of DuckDB over a Parquet file."""
    duckdb = importlib.import_module("duckdb")

    def ask(rest: str) -> Callable[[], Any]:
        path = run_dir / "rows.parquet"
        return lambda: duckdb.connect().execute(f"select * from '{path}' {rest} limit {FEW}").fetchall()

    return {
        "filter by two columns": ask("where success and total_steps < 12"),
        "filter by task": ask("where task_id = 'task-0123'"),
        f"sort, first {FEW}": ask("order by total_reward desc"),
    }


def sqlite_rows(run_dir: Path) -> dict[str, Callable[[], Any]]:
    """Return the questions asked of SQLite with indexes."""

    def ask(rest: str) -> Callable[[], Any]:
        def answer() -> Any:
            with sqlite3.connect(run_dir / "rows.sqlite") as connection:
                return connection.execute(f"select * from rows {rest}").fetchmany(FEW)

        return answer

    return {
        "filter by two columns": ask("where success and total_steps < 12"),
        "filter by task": ask("where task_id = 'task-0123'"),
        f"sort, first {FEW}": ask("order by total_reward desc"),
    }


def prepared(folder: Path, num_episodes: int, *, small: bool) -> Path:
    """Return a run of so many episodes, with what the baselines read; made once for a folder."""
    home = folder / f"{num_episodes}"
    if not (home / "ready").is_file():
        run_dir = make_run(home, num_episodes)
        write_parquet(run_dir)
        if small:
            write_sqlite(run_dir)
        (home / "ready").write_text(str(run_dir))
    return Path((home / "ready").read_text())


def commit() -> str:
    """Return the commit of this checkout, with a plus where files differ from it."""
    git = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(git, capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()


def main() -> None:
    """Measure, print a table and write JSON."""
    parser = argparse.ArgumentParser(description="Measure a run's index.")
    parser.add_argument("--episodes", type=int, nargs="+", default=list(TARGETS_MS))
    parser.add_argument("--rounds", type=int, default=9, help="timings of each question, interleaved")
    parser.add_argument(
        "--slow-rounds", type=int, default=5, help="timings of what takes us longer than 0.2 s"
    )
    parser.add_argument("--folder", type=Path, help="where the runs lie; a temporary folder by default")
    parser.add_argument("--prepare", action="store_true", help="make the runs and stop")
    parser.add_argument("--out", type=Path, help="folder for the JSON result")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        results = []
        for num_episodes in arguments.episodes:
            small = num_episodes <= 1_000_000
            run_dir = prepared(folder, num_episodes, small=small)
            if arguments.prepare:
                continue
            results += measured(run_dir, num_episodes, arguments.rounds, arguments.slow_rounds, small=small)
    if arguments.out and results:
        arguments.out.mkdir(parents=True, exist_ok=True)
        report = {
            "benchmark": "index",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "device": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "versions": {"python": platform.python_version(), **{p: metadata.version(p) for p in PACKAGES}},
            "results": results,
        }
        (arguments.out / "index.json").write_text(json.dumps(report, indent=2) + "\n")


def measured(
    run_dir: Path, num_episodes: int, rounds: int, slow_rounds: int, *, small: bool
) -> list[dict[str, Any]]:
    """Time every question of a run, print the table, return its rows."""
    found = jaxarc.open(run_dir)
    if len(found) != num_episodes or found.problems:
        raise SystemExit(f"{run_dir} was made by another version of this benchmark; remove it")
    variants = {"jaxarc": ours(run_dir), "all columns first": all_columns_first(run_dir)}
    variants["duckdb, parquet"] = duckdb_parquet(run_dir)
    if small:
        variants |= {"pandas, parquet": pandas_parquet(run_dir), "sqlite": sqlite_rows(run_dir)}
    seconds: dict[tuple[str, str], list[float]] = {
        (name, question): [] for name, questions in variants.items() for question in questions
    }
    for turn in range(rounds):
        for (name, question), found in seconds.items():
            if turn >= (rounds if not found or min(found) < 0.2 else slow_rounds if name == "jaxarc" else 1):
                continue
            began = time.perf_counter()
            variants[name][question]()
            found.append(time.perf_counter() - began)
    questions = list(variants["jaxarc"])
    print(f"\n{num_episodes:,} episodes, index of {(run_dir / 'index.h5').stat().st_size / 1e6:,.0f} MB; ms")
    print(f"{'':<40}" + "".join(f"{name:>19}" for name in variants))
    for question in questions:
        cells = [
            f"{1e3 * statistics.median(seconds[name, question]):>19,.1f}"
            if question in variants[name]
            else f"{'':>19}"
            for name in variants
        ]
        print(f"{question:<40}" + "".join(cells))
    for question in questions:
        limit = LOAD_TARGET_MS if question == "load an episode" else TARGETS_MS.get(num_episodes)
        found_ms = 1e3 * statistics.median(seconds["jaxarc", question])
        if limit is not None and found_ms > limit:
            print(f"{question}: {found_ms:,.1f} ms; target {limit:,.0f}: missed")
    return [
        {
            "num_episodes": num_episodes,
            "variant": name,
            "question": question,
            "median_ms": 1e3 * statistics.median(found),
            "s": found,
        }
        for (name, question), found in seconds.items()
    ]


if __name__ == "__main__":
    main()
