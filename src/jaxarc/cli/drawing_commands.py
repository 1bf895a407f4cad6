"""The arguments of ``jaxarc render`` and ``jaxarc report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Digits, Episodes, Json, Limit, Palette, Root, Run, Sort, Theme, Where

__all__ = ["render", "report"]


def render(
    run: Run,
    episodes: Episodes = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMATS",
            help="Of svg,png,pdf,gif,mp4,html. Default: what the run was told.",
            autocompletion=completions.names("svg", "png", "pdf", "gif", "mp4", "html", listed=True),
        ),
    ] = None,
    steps: Annotated[
        str,
        typer.Option(
            metavar="STEPS",
            help="Steps with a picture of their own: all, key, none, 0,5,10-12.",
            autocompletion=completions.names("all", "key", "none"),
        ),
    ] = "all",
    where: Where = None,
    sort: Sort = None,
    limit: Limit = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to. Default: the run's episodes/.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Processes. Default: one a core.")
    ] = None,
    palette: Palette = None,
    theme: Theme = None,
    quality: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Size of png, gif and mp4: low, medium or high.",
            autocompletion=completions.names("low", "medium", "high"),
        ),
    ] = None,
    digits: Digits = None,
    coordinates: Annotated[
        bool | None,
        typer.Option("--coordinates/--no-coordinates", help="Number rows and columns.", show_default=False),
    ] = None,
    render: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="Your function that draws an observation or a state."),
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Draw the episodes of a run: summaries, steps, films, pages.

    Looks and formats are those that the run was told, unless an option
    says something else. Drawing again gives the same bytes. An episode
    that cannot be drawn is told at the end, with exit code 1; the others
    are drawn. Without EPISODES it draws all that have steps.

    Examples:

    jaxarc render latest

    jaxarc render latest 3-9 --format svg,png --theme dark

    jaxarc render latest --where success --limit 5 --steps key --format pdf,gif
    """
    from jaxarc.cli.render import Looks, render_run_pictures

    render_run_pictures(
        run,
        episodes or [],
        formats=format,
        steps=steps,
        where=where,
        sort=sort,
        limit=limit,
        out=out,
        jobs=jobs,
        looks=Looks(palette, theme, quality, digits, coordinates, render),
        as_json=as_json,
        root=root,
    )


def report(
    run: Run,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page. Default: report/index.html in the run.")
    ] = None,
    theme: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What it shows first: auto (as the reader's system), light or dark.",
            autocompletion=completions.names("auto", "light", "dark"),
        ),
    ] = None,
    palette: Palette = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Write the page about a run: how it went, its cost, what is missing.

    One file with everything in it. It is made from the run's files, also
    of a run that goes on or that crashed; the same files give the same page.

    Examples:

    jaxarc report latest

    jaxarc report latest --out report.html --theme dark
    """
    from jaxarc.cli.report import make_report

    make_report(run, out=out, theme=theme, palette=palette, as_json=as_json, root=root)
