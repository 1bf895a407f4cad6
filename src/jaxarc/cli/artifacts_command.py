"""The arguments of ``jaxarc artifacts``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Json, Root, Run

__all__ = ["artifacts"]


def artifacts(
    run: Run,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="One artifact: model, model:v0, model:best, best, or part of a digest."
        ),
    ] = None,
    type: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="Only those of this type: checkpoint.")
    ] = None,
    verify: Annotated[
        str | None,
        typer.Option(
            "--verify",
            metavar="LEVEL",
            help="Look whether files are what was logged: exists, size or digest.",
            autocompletion=completions.names("exists", "size", "digest"),
        ),
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """List the artifacts and checkpoints of a run, or tell all of one.

    With --verify the exit code is 1 where a file is missing, unreadable,
    of another size or content, or not in the run that says so. What
    retention removed, what a later version was written over, and what is
    on another machine is named and no fault.

    Examples:

    jaxarc artifacts latest

    jaxarc artifacts latest --type checkpoint --verify digest

    jaxarc artifacts latest --json
    """
    from jaxarc.cli.artifacts import print_artifacts

    print_artifacts(run, name, type=type, level=verify, as_json=as_json, root=root)
