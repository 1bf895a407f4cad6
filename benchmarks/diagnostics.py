"""What measuring a state costs: one compiled reduction and one transfer, beside a loop of reductions.

A tree of parameters is measured in four ways, interleaved in one process: ``DiagnosticsRecorder.measure``; a
plain loop that calls ``jnp.min``, ``jnp.max``, … for every leaf and takes a float of each; the same loop
compiled as one program whose scalars come to the host one by one; and NumPy on the host. Then what
``recorder.watch`` adds to an update of a training program in which nothing is wrong.

    python benchmarks/diagnostics.py --out benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxarc import DiagnosticsRecorder, Recorder

Tree = dict[str, Any]


def trees() -> dict[str, Tree]:
    """Return what is measured: a network of an agent, one of many leaves, and a field."""
    key = jax.random.key(0)

    def network(layers: int, width: int) -> Tree:
        return {
            f"layer{i}": {
                "kernel": jax.random.normal(jax.random.fold_in(key, i), (width, width)),
                "bias": jnp.zeros(width),
            }
            for i in range(layers)
        }

    return {
        "6 leaves, 13 k numbers": network(3, 64),
        "100 leaves, 209 k numbers": network(50, 64),
        "1 leaf, 1 M numbers": {"field": jax.random.normal(key, (1024, 1024))},
        "24 leaves, 6.3 M numbers": network(12, 724),
    }


def loop(tree: Tree) -> list[float]:
    """Reduce leaf by leaf, number by number, as one writes it first."""
    row = []
    for leaf in jax.tree.leaves(tree):
        reductions = (jnp.min, jnp.max, jnp.mean, jnp.std, jnp.linalg.norm)
        row += [float(reduce(leaf.ravel())) for reduce in reductions]
        row += [int(jnp.isnan(leaf).sum()), int(jnp.isinf(leaf).sum())]
    return row


@jax.jit
def _scalars(tree: Tree) -> list[jax.Array]:
    row = []
    for leaf in jax.tree.leaves(tree):
        reductions = (jnp.min, jnp.max, jnp.mean, jnp.std, jnp.linalg.norm)
        row += [reduce(leaf.ravel()) for reduce in reductions]
        row += [jnp.isnan(leaf).sum(), jnp.isinf(leaf).sum()]
    return row


def compiled_loop(tree: Tree) -> list[float]:
    """Reduce in one program, and take its scalars one by one."""
    return [float(value) for value in _scalars(tree)]


def on_host(tree: Tree) -> list[float]:
    """Take the tree to the host and reduce it with NumPy."""
    row = []
    for leaf in jax.tree.leaves(jax.device_get(tree)):
        reductions = (np.min, np.max, np.mean, np.std, np.linalg.norm)
        row += [float(reduce(leaf.ravel())) for reduce in reductions]
        row += [int(np.isnan(leaf).sum()), int(np.isinf(leaf).sum())]
    return row


def interleaved(variants: dict[str, Callable[[], Any]], rounds: int, calls: int) -> dict[str, float]:
    """Return the median CPU seconds of a call of each variant over rounds in which each takes its turn.

    CPU seconds are those of all threads of this process: others on the machine do not count.
    """
    times: dict[str, list[float]] = {name: [] for name in variants}
    for call in variants.values():
        call()
    for _ in range(rounds):
        for name, call in variants.items():
            began = time.process_time()
            for _ in range(calls):
                call()
            times[name].append((time.process_time() - began) / calls)
    return {name: statistics.median(each) for name, each in times.items()}


def measuring(rounds: int) -> list[dict[str, Any]]:
    """Time the four ways on each tree."""
    rows = []
    for name, tree in trees().items():
        recorder = DiagnosticsRecorder({"plots": False, "history": 2})
        steps = iter(range(10**9))
        began = time.perf_counter()
        recorder.measure(next(steps), tree)
        first_s = time.perf_counter() - began
        found = interleaved(
            {
                "measure": lambda recorder=recorder, tree=tree, steps=steps: recorder.measure(
                    next(steps), tree
                ),
                "loop": lambda tree=tree: loop(tree),
                "compiled loop": lambda tree=tree: compiled_loop(tree),
                "numpy": lambda tree=tree: on_host(tree),
            },
            rounds,
            3,
        )
        rows.append({"tree": name, "first_s": first_s, **{f"{key} s": each for key, each in found.items()}})
    return rows


def watching(rounds: int, seeds: int = 8) -> dict[str, Any]:
    """Time a training of several seeds with and without ``recorder.watch``."""

    def train(recorder: Recorder | None, key: jax.Array) -> Any:
        params = {"w": jax.random.normal(key, (32, 32)), "v": jax.random.normal(key, (32,))}

        def update(params: Tree, i: jax.Array) -> tuple[Tree, jax.Array]:
            obs = jax.random.normal(jax.random.fold_in(key, i), (64, 16, 32))
            target = obs.sum(-1)

            def loss(p: Tree) -> jax.Array:
                return jnp.mean((jnp.tanh(obs @ p["w"]) @ p["v"] - target) ** 2)

            value, grads = jax.value_and_grad(loss)(params)
            if recorder is not None:
                recorder.watch(
                    {"obs": obs, "loss": value, "grads": grads}, axes={"obs": ("step", "env")}, update=i
                )
            return jax.tree.map(lambda p, g: p - 0.01 * g, params, grads), value

        return lax.scan(update, params, jnp.arange(50))

    keys = jax.random.split(jax.random.key(1), seeds)
    with tempfile.TemporaryDirectory() as root, Recorder([f"storage.base_output_dir={root}"]) as recorder:
        watched = jax.jit(jax.vmap(lambda key: train(recorder, key)))
        alone = jax.jit(jax.vmap(lambda key: train(None, key)))
        found = interleaved(
            {
                "watched": lambda: jax.block_until_ready(watched(keys)),
                "alone": lambda: jax.block_until_ready(alone(keys)),
            },
            rounds,
            1,
        )
    return {"seeds": seeds, "updates": 50, **{f"{name} s": each for name, each in found.items()}}


def main() -> None:
    """Print the tables, and write them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for diagnostics.json")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    rows, watch = measuring(options.rounds), watching(options.rounds)
    print("| tree | measure, CPU ms | plain loop | one program, scalar by scalar | NumPy | first call s |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        own = row["measure s"]
        ratios = " | ".join(f"{row[f'{name} s'] / own:.1f}x" for name in ("loop", "compiled loop", "numpy"))
        print(f"| {row['tree']} | {own * 1e3:.2f} | {ratios} | {row['first_s']:.2f} |")
    added = (watch["watched s"] - watch["alone s"]) / watch["updates"]
    print(f"\nwatch: {watch['watched s'] / watch['alone s']:.3f}x of {watch['alone s']:.3f} s, ", end="")
    print(f"{added * 1e6:.0f} us an update of {watch['seeds']} seeds")
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if options.out is not None:
        result = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit.stdout.strip(),
            "jax": version("jax"),
            "python": platform.python_version(),
            "device": str(jax.devices()[0].device_kind),
            "cpus": os.cpu_count(),
            "measuring": rows,
            "watching": watch,
        }
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "diagnostics.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
