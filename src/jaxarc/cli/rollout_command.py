"""The arguments of ``jaxarc rollout``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Json

__all__ = ["rollout"]


def rollout(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OVERRIDE",
            help="Settings, such as env.num_envs=16 seed=0; all of them: docs/configuration.md.",
            autocompletion=completions.overrides,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play ARC tasks inside jax.jit, record and draw the episodes.

    Examples:

    jaxarc rollout

    jaxarc rollout policy=painter env.num_envs=16 rollout.num_steps=200 seed=0

    jaxarc rollout env.dataset=path/to/arc/json capture.keep='[success,best_n:5]'
    """
    from jaxarc.cli.rollout import run_rollout

    run_rollout(overrides or [], as_json=as_json)
