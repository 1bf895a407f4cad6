"""A simulation in a plain loop, tracked, measured and drawn by one object: heat behind a moving laser.

Run it (some seconds; needs the extra ``plots``)::

    python examples/field_loop.py
    python examples/field_loop.py --trackers tensorboard
    python examples/field_loop.py --dt 0.6        # unstable: it ends as FAILED, with its picture

What a `RunContext` adds to the loop are the four lines marked ``tracking``.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np

import jaxarc
from jaxarc import ArtifactBuilder, RunContext


class State(NamedTuple):
    """The plate: its temperature, and how hot each place has ever been."""

    temperature: jax.Array
    peak: jax.Array


@jax.jit
def advance(state: State, step: jax.Array, dt: jax.Array) -> State:
    """Let the laser move on, and the heat flow."""
    t = state.temperature
    rows, columns = t.shape
    y, x = jnp.mgrid[0:rows, 0:columns]
    laser = 40.0 * jnp.exp(-((y - rows / 2) ** 2 + (x - 8.0 - 0.1 * step) ** 2) / 12.0)
    around = sum((jnp.roll(t, shift, axis) for shift in (1, -1) for axis in (0, 1)), jnp.zeros_like(t))
    t = t + dt * (around - 4.0 * t + laser)
    return State(t, jnp.maximum(state.peak, t))


def energy(state: State) -> jax.Array:
    """Return the heat in the plate: a function of the state that is measured with everything else."""
    return state.temperature.sum()


class CrossSection(ArtifactBuilder):
    """A builder of one's own: the temperature along the path of the laser, one line a snapshot."""

    def __init__(self, **cadence: int):
        super().__init__(cadence)
        self.lines: dict[int, np.ndarray] = {}

    def snapshot(self, snapshot: jaxarc.Snapshot) -> None:
        """Take a line, and draw all of them."""
        field = np.asarray(snapshot.state.temperature)
        self.lines[snapshot.step] = field[field.shape[0] // 2]
        figure = matplotlib.figure.Figure(figsize=(5, 3), layout="constrained")
        axes = figure.add_subplot(xlabel="column", ylabel="temperature")
        for step, line in self.lines.items():
            axes.plot(line, label=f"step {step}")
        axes.legend(frameon=False)
        self.folder.write_figure(
            "plots/png/cross_section.png", figure, key="cross section", step=snapshot.step
        )


def main(arguments: list[str] | None = None) -> RunContext:
    """Run the simulation; return its context."""
    parser = argparse.ArgumentParser(description="heat that a moving laser leaves behind")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--dt", type=float, default=0.2)
    parser.add_argument("--out", default="outputs/artifacts")
    parser.add_argument("--trackers", nargs="*", default=[])
    options = parser.parse_args(arguments)

    context = RunContext(
        tracking_cfg={"trackers": options.trackers},
        artifact_cfg={
            "builders": ["fields", "curves", CrossSection(every=options.steps // 4)],
            "cadence": {"every": options.steps // 4},
            "fields": ["temperature", "peak"],
        },
        diagnostics_cfg={
            "every": 10,
            "leaves": ["temperature"],
            "thresholds": {"temperature/max": {"max": 1e4, "action": "raise"}},
        },
        run_meta={
            "name": "laser",
            "experiment": "heat",
            "params": {"dt": options.dt, "steps": options.steps},
            "total_steps": options.steps,
        },
        out_dir=options.out,
        functions={"energy": energy},
    )
    state = State(jnp.zeros((48, 64)), jnp.zeros((48, 64)))
    with context:
        for step in range(options.steps):
            context.on_step_start(step, state)  # tracking
            state = advance(state, jnp.asarray(step), jnp.asarray(options.dt))
            context.log_step(step, state)  # tracking
            context.maybe_snapshot(step, state)  # tracking
        context.end(state)  # tracking
    return context


if __name__ == "__main__":
    print(f"open {main().folders.report / 'index.html'}")
