"""ARC as an environment: tasks, boards, 35 operations, ArcEnv, AutoReset, arc_step, policies.

Names are imported on first use, so that ``jaxarc.envs.operation_names`` can be read without JAX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.envs.action import Action
    from jaxarc.envs.arc_env import ArcEnv
    from jaxarc.envs.auto_reset import AutoReset
    from jaxarc.envs.operation_names import OPERATION_NAMES
    from jaxarc.envs.policies import make_policy
    from jaxarc.envs.recording import arc_step
    from jaxarc.envs.rollout import Rollout
    from jaxarc.envs.state import ArcEnvState, TimeStep
    from jaxarc.envs.task_ids import TaskIds
    from jaxarc.envs.tasks import Tasks, load_tasks

__all__ = [
    "Action",
    "ArcEnv",
    "ArcEnvState",
    "AutoReset",
    "OPERATION_NAMES",
    "Rollout",
    "TaskIds",
    "Tasks",
    "TimeStep",
    "arc_step",
    "load_tasks",
    "make_policy",
]

_MODULE_OF = {
    "Action": "action",
    "ArcEnv": "arc_env",
    "ArcEnvState": "state",
    "AutoReset": "auto_reset",
    "OPERATION_NAMES": "operation_names",
    "Rollout": "rollout",
    "TaskIds": "task_ids",
    "Tasks": "tasks",
    "TimeStep": "state",
    "arc_step": "recording",
    "load_tasks": "tasks",
    "make_policy": "policies",
}


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
