"""Arguments that several commands take: one wording for each, and what the shell completes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jaxarc.cli import completions

__all__ = [
    "Digits",
    "Direction",
    "Episode",
    "Episodes",
    "Json",
    "Limit",
    "Measure",
    "Palette",
    "Picture",
    "Root",
    "RootOrRun",
    "Run",
    "Sort",
    "Theme",
    "Where",
]

Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A run: its name, the beginning of it, a path, latest, latest~1.",
        autocompletion=completions.runs,
    ),
]
RootOrRun = Annotated[
    str | None,
    typer.Argument(metavar="ROOT|RUN", help="A folder of runs, or one run.", autocompletion=completions.runs),
]
Episode = Annotated[
    str,
    typer.Argument(
        metavar="EPISODE",
        help="Its number; p001-7 where the writer p001 recorded it.",
        autocompletion=completions.episodes,
    ),
]
Episodes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="EPISODES",
        help="Numbers, ranges (3-9), names (p001-7).",
        autocompletion=completions.episodes,
    ),
]
Root = Annotated[
    str | None,
    typer.Option(
        metavar="DIR",
        help="Where runs are looked for.",
        envvar="JAXARC_OUTPUT_DIR",
        show_default="outputs/episodes",
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPRESSION",
        help="Which episodes: 'success and total_steps < 40'.",
        autocompletion=completions.conditions,
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMNS",
        help="Columns to sort by: '-total_reward'.",
        autocompletion=completions.columns,
    ),
]
Limit = Annotated[int | None, typer.Option(min=1, metavar="N", help="The most episodes.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]
Palette = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Colours of cells: default, colorblind or high_contrast.",
        autocompletion=completions.names("default", "colorblind", "high_contrast"),
    ),
]
Theme = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="light or dark.", autocompletion=completions.names("light", "dark")),
]
Digits = Annotated[
    bool | None,
    typer.Option("--digits/--no-digits", help="Write the values of cells.", show_default=False),
]
Picture = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The picture: .svg, .png or .pdf. Default: in the run's plots/."),
]
Measure = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        help="last, min, max, mean, first or best. Default: what the run says.",
        autocompletion=completions.names("last", "min", "max", "mean", "first", "best"),
    ),
]
Direction = Annotated[
    str | None,
    typer.Option(
        metavar="WAY",
        help="minimize or maximize. Default: as declared.",
        autocompletion=completions.names("minimize", "maximize"),
    ),
]
