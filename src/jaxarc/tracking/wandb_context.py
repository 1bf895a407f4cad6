"""WandbContext: the processes of a pipeline in W&B, linked, each thing where W&B has a place for it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jaxarc.config import Config
from jaxarc.config.wandb import WandbConfig
from jaxarc.errors import TrackingError
from jaxarc.storage import atomic_write_bytes
from jaxarc.tracking.experiment_tracker import ExperimentTracker
from jaxarc.tracking.held_values import param_items
from jaxarc.tracking.wandb_files import FILES
from jaxarc.tracking.wandb_session import CONTEXT_VARIABLE, Link, mode_of, wandb_id

__all__ = ["WandbContext", "create_wandb_context", "load_wandb_context_from_env", "save_wandb_context"]

logger = logging.getLogger(__name__)

_VERSION = 1
_LEVELS = {"WARN": "WARNING"}


class WandbContext:
    """Log from any process of a pipeline: six kinds of things, which land in six places of W&B.

    All of it is in the run on disk first, also where W&B is disabled or cannot be reached. Made by
    `create_wandb_context` and `load_wandb_context_from_env`; a ``with`` block ends it.

    Args:
        tracker: tracks the run.
        run_id: what the pipeline calls the run.
        mode: ``online``, ``offline`` or ``disabled``.
        group: what the runs of the pipeline are grouped under.
        is_owner: whether this process began the run; else it adds to it.
        project, entity: where W&B has the run.

    Attributes:
        tracker: the ExperimentTracker behind it, for everything else.
        run_id, mode, group: as above.
    """

    def __init__(
        self,
        tracker: ExperimentTracker,
        *,
        run_id: str,
        mode: str,
        group: str,
        is_owner: bool,
        project: str = "",
        entity: str = "",
    ):
        self.tracker = tracker
        self.run_id = run_id
        self.mode = mode
        self.group = group
        self._is_owner = is_owner
        self._project, self._entity = project, entity
        self._stages: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.tracker.__exit__(kind, error, trace)

    def __repr__(self) -> str:
        return f"WandbContext({self.run_id!r}, {self.mode}, run_dir={str(self.run_dir)!r})"

    @property
    def enabled(self) -> bool:
        """Whether W&B gets what is logged; the run on disk has it in any case."""
        return self.mode != "disabled"

    @property
    def run_dir(self) -> Path | None:
        """The run on disk."""
        return self.tracker.run_dir

    def log_training_metric(self, stage: str, name: str, value: Any, step: Any = None) -> None:
        """Log a value of a series: a line chart, over the steps of its stage.

        Args:
            stage: what is trained (``operator``): the section of the chart, with an axis of its own.
            name: the metric.
            value: its value; any number of Python, NumPy or JAX.
            step: the step of the stage.
        """
        if stage not in self._stages:
            self._stages.add(stage)
            self.tracker.define_metric(f"{stage}/*", f"{stage}/step")
        self.tracker.log_metrics({f"{stage}/{name}": value}, step)

    def log_eval_summary(self, metrics: Mapping[str, Any], prefix: str = "eval") -> None:
        """Log final numbers: they stand in the summary, and are no chart.

        Args:
            metrics: values by name.
            prefix: what stands before the names.
        """
        self.tracker.log_summary({f"{prefix}/{name}" if prefix else name: metrics[name] for name in metrics})

    def update_config(self, values: Any) -> None:
        """Add hyper-parameters and other facts to the config.

        Args:
            values: by name; may be nested.
        """
        self.tracker.log_params(values)

    def log_table(self, name: str, columns: Sequence[str], data: Any, step: Any = None) -> None:
        """Log a table, to compare several values.

        Args:
            name: its name.
            columns: names of its columns.
            data: a list of values a row.
            step: the step, where there is one.
        """
        self.tracker.log_table(name, columns, data, step=step)

    def log_image(self, name: str, image: Any, caption: str = "", step: Any = None) -> None:
        """Log a picture.

        Args:
            name: its name.
            image: an array, an image of Pillow, a figure, SVG text, or the path of a file.
            caption: words beneath it.
            step: the step, where there is one.
        """
        self.tracker.log_image(name, image, step, caption=caption)

    def save_file(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        """Keep a file with the run as it is now, and show it among the run's files.

        Args:
            path: the file.
            name: what it is called; None for its own name.

        Raises:
            TrackingError: there is no such file.
        """
        self.tracker.log_artifact(path, name, "file", meta={"place": FILES})

    def alert(self, title: str, text: str = "", level: str = "WARN") -> None:
        """Tell people that something needs them.

        Args:
            title: what is the matter.
            text: the rest.
            level: ``INFO``, ``WARN`` or ``ERROR``.
        """
        self.tracker.alert(title, text, _LEVELS.get(level.upper(), level))

    def finish(self, status: str = "FINISHED") -> None:
        """End the run; a process that was handed the context ends its own part. Twice does nothing.

        Args:
            status: FINISHED, FAILED or KILLED.
        """
        self.tracker.end_run(status)

    def described(self) -> dict[str, Any]:
        """Return what other processes of the pipeline have to know."""
        return {
            "v": _VERSION,
            "run_id": self.run_id,
            "wandb_id": wandb_id(self.run_dir.name) if self.run_dir is not None else "",
            "run_dir": "" if self.run_dir is None else str(self.run_dir),
            "group": self.group,
            "project": self._project,
            "entity": self._entity,
            "mode": self.mode,
            "enabled": self.enabled,
            "join": self.tracker.invite() if self._is_owner else "",
        }


def create_wandb_context(
    cfg: Any = None,
    run_id: str | None = None,
    mode: str | None = None,
    *,
    config: Any = None,
    tags: Sequence[str] = (),
) -> WandbContext:
    """Begin the run of a pipeline, or the run of one of its processes, which is then linked to it.

    Where ``WANDB_CONTEXT_FILE`` names the context of a pipeline the run is in its group and has the tag
    ``parent:<run_id>``; else it stands alone.

    Args:
        cfg: your configuration: becomes the run's config. What it says of W&B in ``logging.wandb`` (or
            ``wandb``) counts: ``project``, ``entity``, ``group``, ``tags``, ``enabled`` and so on.
        run_id: what the run is called; None for the time in UTC.
        mode: ``online``, ``offline`` or ``disabled``; None for what the configuration says, and else online
            where there is a key.
        config: jaxarc's own configuration, as Recorder takes it: where the run lies, and so on.
        tags: tags of the run.

    Raises:
        ConfigError: with everything that is wrong with the configuration.
    """
    if not isinstance(config, Config):
        from jaxarc.config import coerce_config

        config = coerce_config(config)
    said = {} if cfg is None else dict(_levels(cfg))
    settings = _settings(said, config.logging.wandb)
    if mode is not None:
        settings = replace(settings, mode=mode)
    actual = mode_of(settings)
    trackers = [name for name in config.logging.trackers if name != "wandb"]
    if actual == "disabled":
        settings = replace(settings, enabled=False)
    else:
        settings = replace(settings, enabled=True, mode=actual)
        trackers.append("wandb")
    config = replace(config, logging=replace(config.logging, wandb=settings, trackers=trackers))
    link = Link.of_environment(Path())
    own = {**{str(tag): None for tag in tags}, **({"parent": link.parent} if link.parent else {})}
    tracker = ExperimentTracker(config)
    tracker.start_run(run_id, params=cfg, tags=own, parent_run_id=link.parent or None)
    run_dir = tracker.run_dir
    called = run_id or (run_dir.name if run_dir is not None else "")
    group = settings.group or link.group or (wandb_id(run_dir.name) if run_dir is not None else called)
    is_own_project = settings.project_name != WandbConfig().project_name
    return WandbContext(
        tracker,
        run_id=called,
        mode=actual,
        group=group,
        is_owner=True,
        project=settings.project_name if is_own_project else link.project or settings.project_name,
        entity=settings.entity or link.entity,
    )


def save_wandb_context(context: WandbContext, path: str | os.PathLike[str]) -> Path:
    """Write the file that the other processes of a pipeline read, whole or not at all; return its path.

    It is there also where W&B is disabled: a process can tell that from a file that was lost. Name it in
    the environment variable ``WANDB_CONTEXT_FILE`` of the processes that you start.

    Args:
        context: of this process.
        path: where to write it.

    Raises:
        StorageError: it cannot be written.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_bytes(target, json.dumps(context.described(), indent=1).encode())
    return target


def load_wandb_context_from_env() -> WandbContext | None:
    """Return a context that adds to the run of the pipeline; None where this process runs alone.

    What it logs goes into the orchestrator's run on disk, as a writer of its own, and reaches W&B from there:
    two processes never write to one run of W&B.

    Raises:
        TrackingError: the file that ``WANDB_CONTEXT_FILE`` names is damaged.
        StorageError: the orchestrator's run is gone, or has ended.
    """
    named = os.environ.get(CONTEXT_VARIABLE)
    if not named:
        return None
    path = Path(named)
    try:
        content = json.loads(path.read_bytes())
        run_id, mode, join = (str(content[key]) for key in ("run_id", "mode", "join"))
        group = str(content.get("group") or run_id)
        project, entity = (str(content.get(key) or "") for key in ("project", "entity"))
    except FileNotFoundError:
        logger.warning("%s=%s: there is no such file; this process runs alone", CONTEXT_VARIABLE, path)
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TrackingError(
            f"{CONTEXT_VARIABLE}={path} is no context of W&B: {error!r}; save_wandb_context writes one, and"
            f" without {CONTEXT_VARIABLE} this process runs alone"
        ) from error
    tracker = ExperimentTracker(backends=())
    tracker.start_run(join=join)
    return WandbContext(
        tracker, run_id=run_id, mode=mode, group=group, is_owner=False, project=project, entity=entity
    )


def _levels(cfg: Any) -> Mapping[str, Any]:
    """Return a configuration as nested mappings."""
    nested: dict[str, Any] = {}
    for levels, value in param_items(cfg):
        within = nested
        for level in levels[:-1]:
            within = within.setdefault(level, {})
        within[levels[-1]] = value
    return nested


def _settings(cfg: Mapping[str, Any], default: WandbConfig) -> WandbConfig:
    """Return the settings of W&B: what a user's configuration says of it, above jaxarc's own."""
    logging_section = cfg.get("logging")
    section = logging_section.get("wandb") if isinstance(logging_section, Mapping) else None
    section = section if isinstance(section, Mapping) else cfg.get("wandb")
    if not isinstance(section, Mapping):
        return default
    said = {"project_name" if name == "project" else name: value for name, value in section.items()}
    if said.get("enabled") is False:
        said["mode"] = "disabled"
    known = {declared.name for declared in fields(WandbConfig)}
    return replace(default, **{name: value for name, value in said.items() if name in known})
