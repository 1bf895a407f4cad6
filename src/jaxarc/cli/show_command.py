"""The arguments of ``jaxarc show``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Json, Root, Run

__all__ = ["show"]


def show(
    run: Run,
    episode: Annotated[
        str | None,
        typer.Argument(
            metavar="EPISODE",
            help="Its number; p001-7 where the writer p001 recorded it.",
            autocompletion=completions.episodes,
        ),
    ] = None,
    step: Annotated[int | None, typer.Option(metavar="N", min=0, help="Only this step.")] = None,
    max_steps: Annotated[int, typer.Option(metavar="N", min=1, help="The most steps to print.")] = 12,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Show a run at a glance, or an episode's boards in the terminal.

    Without EPISODE: how the run went, what it holds, what was lost, and
    what to type next.

    Examples:

    jaxarc show latest

    jaxarc show latest 3

    jaxarc show latest 3 --step 0

    jaxarc show latest 3 --json
    """
    if episode is None:
        if step is not None:
            raise typer.BadParameter("a step is one of an episode; name it: jaxarc show RUN EPISODE --step N")
        from jaxarc.cli.run_glance import show_run

        show_run(run, as_json=as_json, root=root)
        return
    from jaxarc.cli.show import show_episode

    show_episode(run, episode, step=step, max_steps=max_steps, as_json=as_json, root=root)
