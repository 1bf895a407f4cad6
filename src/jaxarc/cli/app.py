"""The commands by group; their arguments are in modules beside this one, what they do is imported then."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli.annotate_command import note, pin
from jaxarc.cli.drawing_commands import render, report
from jaxarc.cli.help_text import Commands, TeachingApp
from jaxarc.cli.list_command import list_runs
from jaxarc.cli.picture_commands import compare, reel
from jaxarc.cli.question_commands import aggregate, diff, explain, tasks
from jaxarc.cli.replay_command import replay
from jaxarc.cli.rollout_command import rollout
from jaxarc.cli.show_command import show
from jaxarc.cli.upkeep_commands import bench, clean, doctor, export
from jaxarc.cli.verify_command import verify

__all__ = ["app"]

app = TeachingApp(
    name="jaxarc",
    cls=Commands,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        import jaxarc

        typer.echo(f"jaxarc-toolkit {jaxarc.__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Record, draw and replay episodes from inside compiled JAX programs."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


RECORD, LOOK, ASK, CHECK, KEEP = "Record", "Look", "Ask", "Check", "Keep house"
"""Groups of commands in the help, in this order."""

app.command(rich_help_panel=RECORD)(rollout)
app.command(rich_help_panel=RECORD)(bench)

app.command("ls", rich_help_panel=LOOK)(list_runs)
app.command(rich_help_panel=LOOK)(show)
app.command(rich_help_panel=LOOK)(replay)
app.command(rich_help_panel=LOOK)(render)
app.command(rich_help_panel=LOOK)(report)

app.command(rich_help_panel=ASK)(tasks)
app.command(rich_help_panel=ASK)(explain)
app.command(rich_help_panel=ASK)(diff)
app.command(rich_help_panel=ASK)(aggregate)
app.command(rich_help_panel=ASK)(compare)
app.command(rich_help_panel=ASK)(reel)

app.command(rich_help_panel=CHECK)(verify)
app.command(rich_help_panel=CHECK)(doctor)

app.command(rich_help_panel=KEEP)(pin)
app.command(rich_help_panel=KEEP)(note)
app.command(rich_help_panel=KEEP)(export)
app.command(rich_help_panel=KEEP)(clean)
