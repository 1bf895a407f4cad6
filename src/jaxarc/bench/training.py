"""The training programs of ``examples/`` as workloads: a whole ``train()`` a call."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import jax
from jaxtyping import Array, Key, PRNGKeyArray, PyTree

from jaxarc.bench.variants import Hook
from jaxarc.bench.workloads import Program, Workload
from jaxarc.recorder import Recorder

__all__ = ["TRAINING", "load_training"]

_NUM_SEEDS = 2
_ARC_UPDATES = 10
_CARTPOLE_UPDATES = 30

Train = Callable[[PRNGKeyArray], PyTree]


def _ppo_arc(example: ModuleType) -> Workload:
    settings = dataclasses.replace(example.Settings(), num_seeds=_NUM_SEEDS, num_updates=_ARC_UPDATES)
    env = example.make_env(settings)
    return _training_workload(
        "ppo-arc",
        "PPO on ARC",
        lambda recorder: example.make_train(settings, env, recorder),
        num_envs=settings.num_envs,
        num_updates=settings.num_updates,
        num_steps=settings.num_steps,
        names=lambda recorder: recorder.names(task=env.tasks.ids),
    )


def _ppo_cartpole(example: ModuleType) -> Workload:
    config = {**example.CONFIG, "NUM_ENVS": 64, "NUM_UPDATES": _CARTPOLE_UPDATES}
    return _training_workload(
        "ppo-cartpole",
        "PPO on gymnax's CartPole",
        lambda recorder: example.make_train(config, recorder),
        num_envs=config["NUM_ENVS"],
        num_updates=config["NUM_UPDATES"],
        num_steps=config["NUM_STEPS"],
        names=lambda _: None,
    )


TRAINING: Mapping[str, tuple[str, Callable[[ModuleType], Workload]]] = {
    "ppo-arc": ("ppo.py", _ppo_arc),
    "ppo-cartpole": ("ppo_cartpole.py", _ppo_cartpole),
}
"""By workload: the file that it is in, and what makes a workload of it."""


def load_training(name: str, folder: Path | None) -> Workload | str:
    """Return a training program as a workload, or why it cannot be measured.

    Args:
        name: a key of `TRAINING`.
        folder: the folder of the examples, as in a checkout; it is not part of the package.
    """
    file_name, make = TRAINING[name]
    if folder is None:
        return f"needs {file_name} of a checkout; give its folder with --examples"
    path = folder / file_name
    if not path.is_file():
        return f"there is no {file_name} in the folder of --examples"
    try:
        return make(_imported(path))
    except ImportError as error:
        return f"{file_name} cannot be imported ({error}); pip install 'jaxarc-toolkit[bench]'"


def _imported(path: Path) -> ModuleType:
    module_name = f"jaxarc_example_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # where its dataclasses look for the names of their types
    spec.loader.exec_module(module)
    return module


def _training_workload(
    name: str,
    title: str,
    make_train: Callable[[Recorder | None], Train],
    *,
    num_envs: int,
    num_updates: int,
    num_steps: int,
    names: Callable[[Recorder], None],
) -> Workload:
    keys = jax.random.split(jax.random.key(0), _NUM_SEEDS)

    def build(recorder: Recorder | None, hook: Hook, num_steps: int) -> Program:
        train = jax.vmap(make_train(recorder))

        def run(world: PyTree, keys: Key[Array, " num_seeds"]) -> tuple[Key[Array, " num_seeds"], PyTree]:
            return keys, train(keys)

        return Program(run, (), keys, num_steps)

    return Workload(
        name,
        f"{title}, {num_envs} envs",
        num_envs,
        num_updates * num_steps,
        build,
        call=f"a whole train(): {_NUM_SEEDS} seeds, {num_updates} updates of {num_steps} steps",
        names=names,
    )
