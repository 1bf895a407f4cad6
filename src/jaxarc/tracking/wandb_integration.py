"""WandbIntegration: a training loop's steps and episodes in W&B, by the seed document's calls."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from jaxarc.config import Config
from jaxarc.config.wandb import WandbConfig
from jaxarc.errors import TrackingError
from jaxarc.records.experiment_events import MetricBatch
from jaxarc.records.trees import as_array, children
from jaxarc.tracking.experiment_tracker import ExperimentTracker
from jaxarc.tracking.held_values import flat, held_items, step_of
from jaxarc.tracking.wandb_names import BY_LOG_STEP
from jaxarc.tracking.wandb_run import TOPOLOGY

__all__ = ["WandbIntegration"]


class WandbIntegration:
    """Log steps and episodes of a loop of your own.

    Everything is in a run on disk first; W&B reads it there. So nothing that W&B does is felt by the loop,
    and what it did not get is sent by ``jaxarc sync``. Steps, episodes and environment steps are axes: a
    step that goes back is no problem.

    Args:
        config: what W&B gets; ``enabled=False`` leaves it at the run on disk.
        recording: jaxarc's configuration, as Recorder takes it: where the run lies, and so on.

    Attributes:
        config: what W&B gets.
        tracker: the ExperimentTracker behind it; None before ``initialize_run``.
    """

    def __init__(self, config: WandbConfig | None = None, *, recording: Any = None):
        self.config = WandbConfig(enabled=True) if config is None else config
        if not isinstance(recording, Config):
            from jaxarc.config import coerce_config

            recording = coerce_config(recording)
        others = [name for name in recording.logging.trackers if name != "wandb"]
        trackers = [*others, "wandb"] if self.config.enabled else others
        self._recording: Config = replace(
            recording, logging=replace(recording.logging, wandb=self.config, trackers=trackers)
        )
        self.tracker: ExperimentTracker | None = None
        self._step: int | None = None
        self._num_steps = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.tracker is not None:
            self.tracker.__exit__(kind, error, trace)

    @property
    def run(self) -> Path | None:
        """The run on disk; None before ``initialize_run``."""
        return None if self.tracker is None else self.tracker.run_dir

    def initialize_run(
        self, experiment_config: Any = None, run_name: str | None = None, *, model: Any = None
    ) -> None:
        """Begin a run.

        Args:
            experiment_config: hyper-parameters, nested as they are.
            run_name: what the run is called.
            model: the tree of parameters, which is shown as a table where ``log_model_topology`` is set.

        Raises:
            TrackingError: a run goes on already.
        """
        if self.tracker is not None and self.tracker.status == "RUNNING":
            raise TrackingError(f"run {self.run} goes on; finish_run first")
        self.tracker = tracker = ExperimentTracker(self._recording)
        self._num_steps = 0
        tracker.start_run(run_name, params=experiment_config)
        tracker.define_metric("episode/*", "episode")
        if model is not None and self.config.log_model_topology:
            rows = [[path, str(leaf.dtype), str(leaf.shape), leaf.size] for path, leaf in _leaves(model)]
            tracker.log_table(TOPOLOGY, ["leaf", "dtype", "shape", "parameters"], rows)

    def log_step(
        self,
        step_num: Any,
        metrics: Mapping[str, Any],
        images: Mapping[str, Any] | None = None,
        *,
        gradients: Any = None,
    ) -> None:
        """Log a step; W&B gets every ``log_frequency``-th, the run on disk has all.

        Args:
            step_num: the step.
            metrics: values by name.
            images: pictures by name: arrays, images of Pillow, figures, SVG text, or paths of files.
            gradients: a tree, whose norms and extremes are logged where ``log_gradients`` is set.
        """
        tracker = self._begun()
        step, values = step_of("step_num", step_num), flat(held_items(metrics))
        if gradients is not None and self.config.log_gradients:
            values.update(_of_gradients(gradients))
        if self._num_steps == 0 or step != self._step:  # what is said of one step goes together
            self._step, self._num_steps = step, self._num_steps + 1
        by = {"by": BY_LOG_STEP, "nth": self._num_steps - 1}
        said = MetricBatch(metrics=values, step=step, more=by)
        tracker._submit(said, 100 + 50 * len(values))
        for name, image in (images or {}).items():
            tracker.log_image(name, image, step, meta=by)

    def log_episode_summary(self, episode_num: Any, summary_data: Any, summary_image: Any = None) -> None:
        """Log what an episode came to, over the axis ``episode``.

        Args:
            episode_num: its number.
            summary_data: values by name, or an EpisodeSummaryData.
            summary_image: a picture of it, as for ``log_step``.
        """
        tracker, number = self._begun(), step_of("episode_num", episode_num)
        said: Mapping[str, Any] = (
            {each.name: getattr(summary_data, each.name) for each in fields(summary_data)}
            if is_dataclass(summary_data)
            else summary_data
        )
        values = {f"episode/{name}": value for name, value in said.items() if name != "episode_num"}
        tracker.log_metrics(values, number)
        if summary_image is not None:
            tracker.log_image("episode/summary", summary_image, number, meta={"episode": number})

    def finish_run(self, status: str = "FINISHED") -> None:
        """End the run; twice does nothing.

        Args:
            status: FINISHED, FAILED or KILLED.
        """
        if self.tracker is not None:
            self.tracker.end_run(status)

    def _begun(self) -> ExperimentTracker:
        if self.tracker is None:
            raise TrackingError("no run goes on; call initialize_run first")
        return self.tracker


def _leaves(tree: Any, path: str = "") -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of a tree with their paths; leaves that are no arrays (functions) are passed over."""
    if hasattr(tree, "shape") and hasattr(tree, "dtype"):
        yield path or "value", as_array(tree)[0]
        return
    branches = children(tree)
    for key, branch in branches or ():
        yield from _leaves(branch, f"{path}.{key}" if path else str(key))


def _of_gradients(tree: Any) -> dict[str, float]:
    """Return norm and largest magnitude of each leaf, and the norm of all."""
    found, total = {}, 0.0
    with np.errstate(all="ignore"):
        for path, leaf in _leaves(tree):
            values = np.asarray(leaf, np.float64)
            squares = float(np.sum(values**2))
            total += squares
            found[f"gradients/{path}/norm"] = math.sqrt(squares) if squares >= 0 else squares
            found[f"gradients/{path}/max_abs"] = float(np.max(np.abs(values), initial=0.0))
    return {**found, "gradients/norm": math.sqrt(total) if total >= 0 else total}
