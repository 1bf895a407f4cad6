"""How many ARC steps a second reach the disk, and how many bytes they take there, beside other loggers.

Random and painter policies play real ARC-AGI-1 tasks on 30x30 boards; what crosses to the host is kept. Ours
is then timed on one thread from those chunks, as they crossed, to a committed segment: assembled, encoded,
compressed, synced, renamed. The others get the same steps as NumPy values, one after the other: the board
after the step, the selection, the operation, reward, similarity and whether the episode ended. They leave
their file where it lies and are not asked to sync it; that is done between the timed runs. Peers come with
``pip install jaxarc-toolkit[bench]``; what is not installed is left out.

    python benchmarks/storage.py --out benchmarks/results
"""

from __future__ import annotations

import argparse
import copy
import importlib
import io
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import jax
import numpy as np

from jaxarc import Recorder
from jaxarc.config import CaptureConfig
from jaxarc.envs import ArcEnv, AutoReset, Rollout, load_tasks, make_policy
from jaxarc.pipeline import Assembler
from jaxarc.records.chunk import Chunk
from jaxarc.storage.segment_writer import write_segment

ROWS_OF_SEND_COLUMNS = 64
PACKAGES = ("h5py", "hdf5plugin", "orjson", "rerun-sdk", "tensorboard", "wandb")
TARGETS = {"rerun send_columns, 64 a call": 5.0, "rerun log": 200.0}
"""How many times as fast the default should be."""

OURS = "jaxarc verbose, zstd"


class ChunkCatcher(Recorder):
    """A Recorder that keeps what crosses instead of writing it."""

    def __init__(self, config: Any):
        self.caught: list[Chunk] = []
        super().__init__(config)

    def _accept(self, chunk: Chunk) -> None:
        self.caught.append(chunk)


def arc_chunks(level: str, policy: str, num_envs: int, num_steps: int) -> list[Chunk]:
    """Play ARC and return what crossed for so many steps."""
    env = AutoReset(ArcEnv(load_tasks("arc-agi-1", "training")))
    with tempfile.TemporaryDirectory() as folder:
        config = {"capture": {"level": level, "envs": num_envs}, "storage": {"base_output_dir": folder}}
        with ChunkCatcher(config) as recorder:
            Rollout(
                env,
                make_policy(policy),
                num_envs=num_envs,
                steps_per_call=num_steps // num_envs,
                seed=0,
                scan=recorder.scan,
            ).play()
            jax.effects_barrier()
            return recorder.caught


@dataclass(frozen=True)
class PlainStep:
    """One step as a user of another logger has it in hand."""

    board: np.ndarray
    selection: np.ndarray
    operation: int
    reward: float
    similarity: float
    ended: bool


def plain_steps(chunks: Sequence[Chunk], count: int) -> list[PlainStep]:
    """Return the first steps of the chunks, environment by environment, as values."""
    steps: list[PlainStep] = []
    for chunk in chunks:
        layout, (group,) = chunk.layout, chunk.groups
        every = np.arange(len(group.fields[0]))
        leaves = {
            field.name: field.decode(rows.take(every))
            for field, rows in zip(layout.rows, group.fields, strict=True)
        }
        scalars = chunk.scalars.reshape(-1, layout.num_scalar_words)
        numbers = {
            field.name: layout.decode_scalar(i, scalars).tolist() for i, field in enumerate(layout.scalars)
        }
        for i in range(len(every)):
            steps.append(
                PlainStep(
                    leaves["next_observation"][i],
                    leaves["action.selection"][i],
                    int(leaves["action.operation"][i]),
                    numbers["reward"][i],
                    numbers["metrics.similarity"][i],
                    bool(scalars[i, 0] & 3),
                )
            )
        if len(steps) >= count:
            break
    return steps[:count]


def commit_chunks(chunks: Sequence[Chunk], level: str, compression: str, folder: Path) -> int:
    """Take chunks as the writer does, and commit them as one segment; return its steps."""
    assembler = Assembler(CaptureConfig(level=level, envs=4096), lambda _, values: [""] * len(values))
    for chunk in chunks:
        assembler.ingest(chunk)
    pending = assembler.take(early=True)
    write_segment(folder / "p000-000001.h5", pending, writer="p000", sequence=1, compression=compression)
    return sum(len(block) for block in pending.blocks)


def h5py_rows(steps: Sequence[PlainStep], folder: Path) -> None:
    """Append every step to growing datasets."""
    with h5py.File(folder / "steps.h5", "w") as file:
        columns = {
            name: file.create_dataset(
                name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(64, *shape), **hdf5plugin.Zstd(1)
            )
            for name, shape, dtype in (
                ("board", (30, 30), np.int8),
                ("selection", (30, 30), bool),
                ("operation", (), np.int32),
                ("reward", (), np.float32),
                ("similarity", (), np.float32),
                ("ended", (), bool),
            )
        }
        for row, step in enumerate(steps):
            for name, column in columns.items():
                column.resize(row + 1, axis=0)
                column[row] = getattr(step, name)


def json_lines(steps: Sequence[PlainStep], folder: Path) -> None:
    """Write a line of JSON a step."""
    with (folder / "steps.jsonl").open("w") as file:
        for number, step in enumerate(steps):
            line = {"step": number, **vars(step)}
            line |= {"board": step.board.tolist(), "selection": step.selection.tolist()}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def orjson_lines(orjson: Any, steps: Sequence[PlainStep], folder: Path) -> None:
    """Do the same with orjson, which knows NumPy arrays."""
    with (folder / "steps.jsonl").open("wb") as file:
        for number, step in enumerate(steps):
            file.write(orjson.dumps({"step": number, **vars(step)}, option=orjson.OPT_SERIALIZE_NUMPY))
            file.write(b"\n")


def rerun_log(rerun: Any, steps: Sequence[PlainStep], folder: Path) -> None:
    """Log every value of every step by itself."""
    with rerun.RecordingStream("storage") as recording:
        recording.save(folder / "steps.rrd")
        for number, step in enumerate(steps):
            recording.set_time("step", sequence=number)
            recording.log("board", rerun.SegmentationImage(step.board.view(np.uint8)))
            recording.log("selection", rerun.SegmentationImage(step.selection.view(np.uint8)))
            for name in ("operation", "reward", "similarity", "ended"):
                recording.log(name, rerun.Scalars(float(getattr(step, name))))
        recording.flush()
        recording.disconnect()


def rerun_send_columns(rerun: Any, steps: Sequence[PlainStep], folder: Path) -> None:
    """Send the same values as columns, some steps a call."""
    image = rerun.components.ImageFormat(
        width=30, height=30, color_model="L", channel_datatype=rerun.ChannelDatatype.U8
    )
    with rerun.RecordingStream("storage") as recording:
        recording.save(folder / "steps.rrd")
        for name in ("board", "selection"):
            recording.log(name, rerun.SegmentationImage.from_fields(format=image), static=True)
        for start in range(0, len(steps), ROWS_OF_SEND_COLUMNS):
            part = steps[start : start + ROWS_OF_SEND_COLUMNS]
            when = [rerun.TimeColumn("step", sequence=range(start, start + len(part)))]
            for name in ("board", "selection"):
                pixels = np.stack([getattr(step, name) for step in part]).view(np.uint8)
                columns = rerun.SegmentationImage.columns(buffer=pixels.reshape(len(part), -1))
                recording.send_columns(name, when, columns)
            for name in ("operation", "reward", "similarity", "ended"):
                values = np.array([getattr(step, name) for step in part], float)
                recording.send_columns(name, when, rerun.Scalars.columns(scalars=values))
        recording.flush()
        recording.disconnect()


def tensorboard_images(modules: Sequence[Any], steps: Sequence[PlainStep], folder: Path) -> None:
    """Write an event a step with both boards as pictures, one pixel a cell."""
    pillow, writer_module, event_module, summary_module = modules

    def picture(pixels: np.ndarray) -> Any:
        held = io.BytesIO()
        pillow.fromarray(pixels.view(np.uint8)).save(held, "png")
        return summary_module.Summary.Image(
            height=30, width=30, colorspace=1, encoded_image_string=held.getvalue()
        )

    writer = writer_module.EventFileWriter(str(folder))
    value = summary_module.Summary.Value
    for number, step in enumerate(steps):
        values = [value(tag=name, image=picture(getattr(step, name))) for name in ("board", "selection")]
        values += [
            value(tag=name, simple_value=float(getattr(step, name)))
            for name in ("operation", "reward", "similarity", "ended")
        ]
        summary = summary_module.Summary(value=values)
        writer.add_event(event_module.Event(wall_time=time.time(), step=number, summary=summary))
    writer.close()


def wandb_offline(wandb: Any, steps: Sequence[PlainStep], folder: Path) -> None:
    """Log every step to an offline run with both boards as pictures, one pixel a cell."""
    settings = wandb.Settings(console="off", silent=True, disable_git=True, x_disable_stats=True)
    with wandb.init(mode="offline", dir=str(folder), project="storage", settings=settings) as run:
        for step in steps:
            pictures = {
                name: wandb.Image(getattr(step, name).view(np.uint8)) for name in ("board", "selection")
            }
            numbers = {
                name: float(getattr(step, name)) for name in ("operation", "reward", "similarity", "ended")
            }
            run.log(pictures | numbers)


@dataclass(frozen=True)
class Variant:
    """One way to the disk.

    Attributes:
        name: what the table says.
        num_steps: steps of one timed run.
        prepare: makes what the run uses up, outside of the time.
        run: writes the steps into an empty folder.
        is_slow: whether fewer rounds are enough.
    """

    name: str
    num_steps: int
    prepare: Callable[[], Any]
    run: Callable[[Any, Path], object]
    is_slow: bool = False


def first_part(chunks: Sequence[Chunk], share: int) -> Sequence[Chunk]:
    """Return the first chunks, one of so many."""
    return chunks[: len(chunks) // share]


def our_variants(chunks: dict[tuple[str, str], list[Chunk]], num_steps: int) -> Iterator[Variant]:
    """Yield ours: every compression, each policy by itself, and level full."""

    def ours(name: str, level: str, compression: str, policies: Sequence[str], share: int = 1) -> Variant:
        taken = [chunk for policy in policies for chunk in first_part(chunks[level, policy], share)]
        expected = num_steps * len(policies) // share

        def fresh() -> list[Chunk]:
            # A chunk remembers what was made of it.
            return [copy.copy(chunk) for chunk in taken]

        def run(given: list[Chunk], folder: Path) -> None:
            stored = commit_chunks(given, level, compression, folder)
            if stored != expected:
                raise RuntimeError(f"{name} stored {stored} steps of {expected}")

        return Variant(name, expected, fresh, run)

    both = ("random", "painter")
    for compression in ("zstd", "gzip", "lzf", "none"):
        yield ours(f"jaxarc verbose, {compression}", "verbose", compression, both)
    for policy in both:
        yield ours(f"jaxarc verbose, zstd, {policy}", "verbose", "zstd", [policy])
    yield ours("jaxarc verbose, zstd, few rows", "verbose", "zstd", both, share=4)
    yield ours("jaxarc full, zstd", "full", "zstd", both)


def peers(steps: Sequence[PlainStep]) -> Iterator[Variant]:
    """Yield the other loggers that are installed; print what is not."""

    def peer(
        name: str, write: Callable[..., None], modules: Sequence[str] = (), *, is_slow: bool = True
    ) -> Iterator[Variant]:
        try:
            found = [importlib.import_module(module) for module in modules]
        except ImportError as error:
            print(f"{name} is left out: {error}; pip install 'jaxarc-toolkit[bench]'")
            return
        given = found[:1] if len(found) == 1 else [found] if found else []
        yield Variant(name, len(steps), lambda: None, lambda _, folder: write(*given, steps, folder), is_slow)

    yield from peer("h5py, a row at a time", h5py_rows)
    yield from peer("json, a line a step", json_lines)
    yield from peer("orjson, a line a step", orjson_lines, ["orjson"])
    yield from peer(
        f"rerun send_columns, {ROWS_OF_SEND_COLUMNS} a call", rerun_send_columns, ["rerun"], is_slow=False
    )
    yield from peer("rerun log", rerun_log, ["rerun"])
    yield from peer(
        "TensorBoard images",
        tensorboard_images,
        [
            "PIL.Image",
            "tensorboard.summary.writer.event_file_writer",
            "tensorboard.compat.proto.event_pb2",
            "tensorboard.compat.proto.summary_pb2",
        ],
    )
    yield from peer("W&B offline, images", wandb_offline, ["wandb"])


def timed(variant: Variant, folder: Path) -> tuple[float, int]:
    """Run a variant once; return seconds a step and the bytes that it left."""
    given = variant.prepare()
    os.sync()
    with tempfile.TemporaryDirectory(dir=folder) as own:
        begin = time.perf_counter()
        variant.run(given, Path(own))
        seconds = time.perf_counter() - begin
        return seconds / variant.num_steps, sum(
            path.stat().st_size for path in Path(own).rglob("*") if path.is_file() and not path.is_symlink()
        )


def commit() -> str:
    """Return the commit of this checkout, with + when it has changes, or an empty string."""
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip()


def versions() -> dict[str, str]:
    """Return what the figures depend on."""
    found = {"python": platform.python_version(), "jax": jax.__version__, "numpy": np.__version__}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def main() -> None:
    """Measure, print a table and write JSON."""
    parser = argparse.ArgumentParser(description="Measure how fast ARC steps reach the disk.")
    parser.add_argument("--steps", type=int, default=16384, help="steps of each policy, for ours")
    parser.add_argument("--envs", type=int, default=4, help="environments that are played and captured")
    parser.add_argument("--peer-steps", type=int, default=2000, help="steps for the other loggers")
    parser.add_argument("--rounds", type=int, default=9, help="timings of each variant of ours, at least 9")
    parser.add_argument("--slow-rounds", type=int, default=3, help="timings of each slow peer")
    parser.add_argument("--folder", type=Path, help="where to write; a temporary folder by default")
    parser.add_argument("--out", type=Path, help="folder for the JSON result")
    arguments = parser.parse_args()
    if arguments.rounds < 9:
        parser.error(f"--rounds must be at least 9, got {arguments.rounds}")

    chunks = {
        (level, policy): arc_chunks(level, policy, arguments.envs, arguments.steps)
        for level in ("verbose", "full")
        for policy in ("random", "painter")
    }
    print(f"played {arguments.steps:,} steps with each policy at each level; writing them", flush=True)
    half = arguments.peer_steps // 2
    steps = [
        step
        for policy in ("random", "painter")
        for step in plain_steps([copy.copy(chunk) for chunk in chunks["verbose", policy]], half)
    ]
    variants = [*our_variants(chunks, arguments.steps), *peers(steps)]
    seconds: dict[str, list[float]] = {variant.name: [] for variant in variants}
    sizes: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        for turn in range(arguments.rounds):
            for variant in variants:
                if variant.is_slow and turn >= arguments.slow_rounds:
                    continue
                found, nbytes = timed(variant, Path(folder))
                seconds[variant.name].append(found)
                sizes[variant.name] = nbytes / variant.num_steps

    medians = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {
        name: statistics.median(
            theirs / ours for ours, theirs in zip(seconds[OURS], seconds[name], strict=False)
        )
        for name in seconds
    }
    print(f"{'':<32}{'steps':>8}{'steps/s':>12}{'bytes/step':>12}{'slower by':>11}")
    for variant in variants:
        name = variant.name
        print(
            f"{name:<32}{variant.num_steps:>8,}{1 / medians[name]:>12,.0f}{sizes[name]:>12,.0f}"
            f"{ratios[name]:>11.1f}"
        )
    for name, target in TARGETS.items():
        if name in ratios:
            verdict = "met" if ratios[name] >= target else "missed"
            print(f"{OURS} is {ratios[name]:.1f} times as fast as {name}; target {target:.0f}: {verdict}")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        report = {
            "benchmark": "storage",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "device": jax.devices()[0].device_kind,
            "cores": os.cpu_count(),
            "versions": versions(),
            "results": [
                {
                    "name": variant.name,
                    "num_steps": variant.num_steps,
                    "steps_per_s": 1 / medians[variant.name],
                    "bytes_per_step": sizes[variant.name],
                    "times_as_slow_as_ours": ratios[variant.name],
                    "s_per_step": seconds[variant.name],
                }
                for variant in variants
            ],
        }
        (arguments.out / "storage.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
