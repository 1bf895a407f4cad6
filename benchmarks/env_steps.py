"""How many ARC steps a second, and what sharing the operations' work is worth.

Random operations on random selections (a cell, a box, scattered cells: a third each) play real ARC-AGI-1
tasks on 30x30 boards through ``AutoReset``, in one jitted scan of vmapped steps. The baseline is the same
environment with the operations written one by one under ``lax.switch``, in the same process, interleaved.

    python benchmarks/env_steps.py --out benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxarc.envs import Action, ArcEnv, ArcEnvState, AutoReset, Tasks, arc_env, load_tasks
from jaxarc.envs.operations import apply_operation

SHAPE = (30, 30)
ROWS, COLUMNS = np.arange(30)[:, None], np.arange(30)[None, :]


def switch_operation(
    operation: jax.Array, selection: jax.Array, grid: jax.Array, clipboard: jax.Array, input_grid: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Do one operation with a branch for each of the 35."""
    valid = grid >= 0
    chosen = selection & valid
    is_empty = ~chosen.any()
    cells = jnp.where(is_empty, valid, chosen)
    row_used, column_used = cells.any(1), cells.any(0)
    top, left = jnp.argmax(row_used), jnp.argmax(column_used)
    bottom, right = 29 - jnp.argmax(row_used[::-1]), 29 - jnp.argmax(column_used[::-1])
    inside = (top <= ROWS) & (bottom >= ROWS) & (left <= COLUMNS) & (right >= COLUMNS)

    def fill(colour: int) -> tuple[jax.Array, jax.Array]:
        return jnp.where(chosen, jnp.int8(colour), grid), clipboard

    def flood_fill(colour: int) -> tuple[jax.Array, jax.Array]:
        same = grid == jnp.max(jnp.where(chosen, grid, -1))

        def grow(carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            region, _ = carry
            wide = jnp.pad(region, 1)
            near = wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
            grown = region | (near & same)
            return grown, (grown != region).any()

        is_flood = (operation >= 10) & (operation < 20) & (chosen.sum() == 1)
        region, _ = lax.while_loop(lambda carry: carry[1], grow, (chosen & is_flood, is_flood))
        return jnp.where(region, jnp.int8(colour), grid), clipboard

    def read(rows: jax.Array, columns: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.where(inside, grid[jnp.clip(rows, 0, 29), jnp.clip(columns, 0, 29)], grid), clipboard

    def move(down: int, across: int) -> tuple[jax.Array, jax.Array]:
        rows = top + (ROWS - top - down) % (bottom - top + 1)
        return read(rows, left + (COLUMNS - left - across) % (right - left + 1))

    def rotate(clockwise: bool) -> tuple[jax.Array, jax.Array]:
        rows = jnp.where(clockwise, bottom - (COLUMNS - left), top + COLUMNS - left)
        columns = jnp.where(clockwise, left + ROWS - top, right - (ROWS - top))
        turned, _ = read(rows, columns)
        return jnp.where(bottom - top == right - left, turned, grid), clipboard

    def copy() -> tuple[jax.Array, jax.Array]:
        rows, columns = ROWS + top, COLUMNS + left
        there = (rows <= bottom) & (columns <= right)
        taken = jnp.where(chosen, grid, -1)[jnp.clip(rows, 0, 29), jnp.clip(columns, 0, 29)]
        return grid, jnp.where(is_empty, clipboard, jnp.where(there, taken, -1))

    def paste() -> tuple[jax.Array, jax.Array]:
        rows, columns = ROWS - top, COLUMNS - left
        brought = clipboard[jnp.clip(rows, 0, 29), jnp.clip(columns, 0, 29)]
        lands = valid & (rows >= 0) & (columns >= 0) & (brought >= 0) & ~is_empty
        return jnp.where(lands, brought, grid), clipboard

    def resize() -> tuple[jax.Array, jax.Array]:
        last_row = 29 - jnp.argmax(selection.any(1)[::-1])
        last_column = 29 - jnp.argmax(selection.any(0)[::-1])
        kept = (last_row >= ROWS) & (last_column >= COLUMNS)
        resized = jnp.where(kept, jnp.maximum(grid, 0), -1)
        return jnp.where(selection.any(), resized, grid), clipboard

    branches: list[Callable[[], tuple[jax.Array, jax.Array]]] = [
        *(partial(fill, colour) for colour in range(10)),
        *(partial(flood_fill, colour) for colour in range(10)),
        *(partial(move, *by) for by in ((-1, 0), (1, 0), (0, -1), (0, 1))),
        partial(rotate, True),
        partial(rotate, False),
        lambda: read(jnp.broadcast_to(ROWS, SHAPE), left + right - COLUMNS),
        lambda: read(top + bottom - ROWS, jnp.broadcast_to(COLUMNS, SHAPE)),
        copy,
        paste,
        lambda: (jnp.where(chosen, jnp.int8(0), grid), copy()[1]),
        lambda: (jnp.where(cells, jnp.int8(0), grid), clipboard),
        lambda: (input_grid, clipboard),
        resize,
        lambda: (grid, clipboard),
    ]
    return lax.switch(jnp.where(operation < 0, 34, operation), branches)


def random_actions(num_steps: int, num_envs: int) -> Action:
    """Draw operations and selections, [num_steps num_envs …]."""
    rng = np.random.default_rng(0)
    size = (num_steps, num_envs)
    rows = np.sort(rng.integers(0, 30, (*size, 2)))[..., None, None]
    columns = np.sort(rng.integers(0, 30, (*size, 2)))[..., None, None]
    first_row, last_row = rows[..., 0, :, :], rows[..., 1, :, :]
    first_column, last_column = columns[..., 0, :, :], columns[..., 1, :, :]
    box = (first_row <= ROWS) & (last_row >= ROWS) & (first_column <= COLUMNS) & (last_column >= COLUMNS)
    cell = (first_row == ROWS) & (first_column == COLUMNS)
    scattered = rng.random((*size, *SHAPE), np.float32) < 0.2
    kind = rng.integers(0, 3, (*size, 1, 1))
    selection = np.where(kind == 0, cell, np.where(kind == 1, box, scattered))
    return Action(operation=rng.integers(0, 35, size), selection=selection)


def compiled_rollout(
    operate: Callable, tasks: Tasks, num_envs: int, num_steps: int
) -> Callable[[], jax.Array]:
    """Compile a rollout with one way of doing operations; return a call that runs it to the end."""
    env = AutoReset(ArcEnv(tasks))
    actions = random_actions(num_steps, num_envs)

    def rollout(env: AutoReset, states: ArcEnvState, actions: Action) -> tuple[jax.Array, jax.Array]:
        def body(states: ArcEnvState, action: Action) -> tuple[ArcEnvState, tuple[jax.Array, jax.Array]]:
            states, timesteps = jax.vmap(env.step)(states, action)
            return states, (timesteps.reward, timesteps.terminated)

        states, (rewards, ended) = lax.scan(body, states, actions)
        return rewards.sum() + states.working_grid.sum(), ended.sum()

    with patch.object(arc_env, "apply_operation", operate):
        states, _ = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(0), num_envs))
        program = jax.jit(rollout).lower(env, states, actions).compile()
    return lambda: jax.block_until_ready(program(env, states, actions))[0]


def seconds(call: Callable[[], jax.Array]) -> float:
    """Time one call."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def commit() -> str:
    """Return the commit of this checkout, with + when it has changes, or an empty string."""
    here = Path(__file__).parent
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--exclude=*"], cwd=here, capture_output=True, text=True
    )
    return asked.stdout.strip()


def main() -> None:
    """Measure, print a table and write JSON."""
    parser = argparse.ArgumentParser(description="Measure ARC environment steps per second.")
    parser.add_argument("--envs", type=int, nargs="+", default=[1, 16, 64, 256])
    parser.add_argument("--steps", type=int, default=128, help="steps of one timed rollout")
    parser.add_argument(
        "--pairs", type=int, default=9, help="interleaved timings of each variant, at least 9"
    )
    parser.add_argument("--out", type=Path, help="folder for the JSON result")
    arguments = parser.parse_args()

    tasks = load_tasks("arc-agi-1", "training")
    results = []
    print(f"{'envs':>6} {'jaxarc steps/s':>16} {'lax.switch steps/s':>20} {'ratio':>7}")
    for num_envs in arguments.envs:
        ours = compiled_rollout(apply_operation, tasks, num_envs, arguments.steps)
        theirs = compiled_rollout(switch_operation, tasks, num_envs, arguments.steps)
        np.testing.assert_allclose(
            ours(), theirs(), rtol=1e-3, err_msg="the variants played different episodes"
        )
        timings = [(seconds(ours), seconds(theirs)) for _ in range(max(9, arguments.pairs))]
        ours_s, theirs_s = (statistics.median(column) for column in zip(*timings, strict=True))
        ratio = statistics.median(theirs / ours for ours, theirs in timings)
        num_steps = num_envs * arguments.steps
        results.append(
            {
                "num_envs": num_envs,
                "steps_per_s": num_steps / ours_s,
                "baseline_steps_per_s": num_steps / theirs_s,
                "ratio": ratio,
                "timings_s": [{"jaxarc": ours, "lax_switch": theirs} for ours, theirs in timings],
            }
        )
        print(f"{num_envs:>6} {num_steps / ours_s:>16,.0f} {num_steps / theirs_s:>20,.0f} {ratio:>7.1f}")
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        report = {
            "benchmark": "env_steps",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "device": jax.devices()[0].device_kind,
            "cores": os.cpu_count(),
            "versions": {
                "python": platform.python_version(),
                "jax": jax.__version__,
                "jaxlib": version("jaxlib"),
                "numpy": np.__version__,
            },
            "steps_per_rollout": arguments.steps,
            "results": results,
        }
        (arguments.out / "env_steps.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
