"""``jaxarc pin`` and ``jaxarc note``: what people add to a run."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli.arguments import Json, Root, Run

__all__ = ["note", "pin"]


def pin(
    run: Run,
    episodes: Annotated[
        list[str], typer.Argument(metavar="EPISODE...", help="Numbers (7), ranges (3-9), names (p001-7).")
    ],
    remove: Annotated[bool, typer.Option("--remove", help="Take the pins away.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Keep episodes safe from every cleaning.

    Their steps and pictures stay, whatever the limits of the run are. Runs
    that are being written can be pinned in, and by several people at once.
    jaxarc ls RUN --where pinned lists them.

    Examples:

    jaxarc pin latest 7

    jaxarc pin latest 3 12-14 --remove
    """
    from jaxarc.cli.annotate import pin_episodes

    pin_episodes(run, episodes, remove=remove, as_json=as_json, root=root)


def note(
    run: Run,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The note; the notes are printed without.")
    ] = None,
    episode: Annotated[
        str | None, typer.Option(metavar="EPISODE", help="The episode that it is about: 7, p001-7.")
    ] = None,
    step: Annotated[int | None, typer.Option(min=0, metavar="N", help="The step of this episode.")] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Write a note into a run, about it, an episode or a step, or print its notes.

    Notes are shown by jaxarc show and in the player. A run that is being
    written takes them too, from several people at once.

    Examples:

    jaxarc note latest "after the crash of the file server"

    jaxarc note latest "paints over what was right" --episode 7 --step 2

    jaxarc note latest
    """
    from jaxarc.cli.annotate import note_or_list

    note_or_list(run, text, episode=episode, step=step, as_json=as_json, root=root)
