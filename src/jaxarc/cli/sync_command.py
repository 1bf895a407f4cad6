"""The arguments of ``jaxarc sync``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Json, Root, Run

__all__ = ["sync"]

_NAMES = ("wandb", "mlflow", "tensorboard", "trackio")


def sync(
    run: Run,
    to: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="wandb, mlflow, tensorboard or trackio; may be repeated.",
            autocompletion=completions.names(*_NAMES),
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Settings, such as logging.mlflow.experiment=ppo; the others are those of the run.",
        ),
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Send a run to W&B, MLflow, TensorBoard or trackio.

    It sends what is not there yet, and nothing where all is: after a run
    that was sent as it went on, after an upload that broke off, and the
    second time. A run that is being written is sent as far as it is.

    The exit code is 0 where everything is there, 1 where the tracker
    refused a record for good, and 2 where it could not be reached.

    Examples:

    jaxarc sync latest --to wandb

    jaxarc sync latest --to mlflow logging.mlflow.tracking_uri=sqlite:///mlflow.db
    """
    from jaxarc.cli.sync import sync_to

    sync_to(run, to, settings or [], as_json=as_json, root=root)
