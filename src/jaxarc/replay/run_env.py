"""The environment of a run, from what the run itself has stored: its tasks and its configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from jaxarc.capture import Step
from jaxarc.config import EnvConfig
from jaxarc.envs import ArcEnv, ArcEnvState
from jaxarc.envs.tasks import tasks_of_documents
from jaxarc.errors import ConfigError, NotRecordedError, ReplayError, TaskError
from jaxarc.replay.resimulation import describe_arc, recorded_states
from jaxarc.replay.run_reader import RunReader

__all__ = ["RebuiltEnv", "rebuilt_env"]

_OWN_PROGRAMS = ("jaxarc", "jaxarc.exe", "jaxarc-script.py", "-m jaxarc")
_WAY_OUT = "give the environment: --env my_module:make_env, or run.verify_all(env)"
_TRIES = 200


@dataclass(frozen=True)
class RebuiltEnv:
    """An `ArcEnv` made of a run.

    Attributes:
        env: the environment.
        describe: gives the Steps that the program recorded, as far as they are known.
        note: what is not known, in words; empty where everything is.
    """

    env: ArcEnv
    describe: Callable[..., Step]
    note: str = ""


def rebuilt_env(run: RunReader) -> RebuiltEnv:
    """Return the `ArcEnv` that a run was recorded with, from its stored tasks and its configuration.

    What an `ArcEnv` makes of a state does not depend on its options, but rewards and truncation do. Those of
    ``jaxarc rollout`` are in the run's configuration; another program may have taken any, so its rewards and
    truncations are not described.

    Raises:
        ReplayError: the run's states are of another environment, it stored no tasks, or they are damaged.
    """
    shape = _board_shape(run)
    documents = {}
    for name in sorted(set(run.episodes()["task_id"].tolist())):
        task_id = name.decode()
        if task_id and (document := run.task(task_id)) is not None:
            documents[task_id] = document
    if not documents:
        raise ReplayError(
            f"run {run.name} stored no tasks (recorder.names(task=tasks.ids) stores them); {_WAY_OUT}"
        )
    config = _env_config(run)
    options = {
        each.name: getattr(config, each.name)
        for each in fields(config)
        if each.name not in ("dataset", "split", "task_ids", "num_envs")
    }
    try:
        env = ArcEnv(tasks_of_documents(documents, max_size=shape), **options)
    except (TaskError, ValueError) as error:
        raise ReplayError(f"the tasks of run {run.name} make no ArcEnv ({error}); {_WAY_OUT}") from error
    if run.info.get("entrypoint") in _OWN_PROGRAMS:
        return RebuiltEnv(env, describe_arc)
    program = run.info.get("entrypoint") or "another program"
    note = f"rewards and truncation were not compared: only {program} knows what its ArcEnv pays (--env)"
    return RebuiltEnv(env, _describe_without_options, note)


def _describe_without_options(state: Any, action: Any, out: Any) -> Step:
    return replace(describe_arc(state, action, out), reward=None, truncated=None)


def _board_shape(run: RunReader) -> tuple[int, int]:
    """Return the shape of the boards of the run's states."""
    rows = run.episodes("stored_steps > 0", limit=_TRIES)
    for row in rows:
        try:
            states = recorded_states(run.load_episode(row)).fields
        except NotRecordedError:
            continue
        expected = {field.name for field in fields(ArcEnvState)}
        if {field.path[0] if field.path else "" for field in states} != expected:
            raise ReplayError(
                f"run {run.name} was recorded with another environment than ArcEnv, which its states show "
                f"({', '.join(field.name for field in states[:4])}); {_WAY_OUT}"
            )
        (board,) = (field for field in states if field.path == ("working_grid",))
        return board.shape[0], board.shape[1]
    raise NotRecordedError(
        f"run {run.name} holds no state to simulate from; record with capture.journal=selected (or all), or "
        "capture.level=full"
    )


def _env_config(run: RunReader) -> EnvConfig:
    """Return the section ``env`` of the run's configuration; the defaults where it cannot be read."""
    try:
        said = json.loads((run.run_dir / "config" / "config.json").read_bytes())["env"]
        known = {each.name for each in fields(EnvConfig)}
        return EnvConfig(**{name: value for name, value in said.items() if name in known})
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ConfigError):
        return EnvConfig()
