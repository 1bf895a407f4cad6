"""The arguments of ``jaxarc show``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli.arguments import Episode, Root, Run

__all__ = ["show"]


def show(
    run: Run,
    episode: Episode,
    step: Annotated[int | None, typer.Option(metavar="N", min=0, help="Only this step.")] = None,
    max_steps: Annotated[int, typer.Option(metavar="N", min=1, help="The most steps to print.")] = 12,
    root: Root = None,
) -> None:
    """Show an episode's boards in the terminal.

    Examples:

    jaxarc show latest 3

    jaxarc show latest 3 --step 7

    jaxarc show latest p001-3
    """
    from jaxarc.cli.show import show_episode

    show_episode(run, episode, step=step, max_steps=max_steps, root=root)
