"""Arguments that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["Digits", "Limit", "Palette", "Root", "Run", "Sort", "Theme", "Where"]

Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run: its name, the beginning of it, a path, latest, latest~1."),
]
Root = Annotated[
    str | None,
    typer.Option(
        help="Where runs are looked for.", envvar="JAXARC_OUTPUT_DIR", show_default="outputs/episodes"
    ),
]
Where = Annotated[str | None, typer.Option(help="Which episodes: 'success and total_steps < 40'.")]
Sort = Annotated[str | None, typer.Option(help="Columns to sort by: '-total_reward'.")]
Limit = Annotated[int | None, typer.Option(min=1, help="The most episodes.")]
Palette = Annotated[str | None, typer.Option(metavar="NAME", help="default, colorblind or high_contrast.")]
Theme = Annotated[str | None, typer.Option(metavar="NAME", help="light or dark.")]
Digits = Annotated[
    bool | None,
    typer.Option("--digits/--no-digits", help="Write the values of cells.", show_default=False),
]
