"""The commands by group; their arguments are in modules beside this one, what they do is imported then."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from jaxarc.cli.help_text import Commands, TeachingApp

__all__ = ["app", "app_for"]

_COMMANDS = {
    "Record": {
        "rollout": "rollout_command.rollout",
        "bench": "upkeep_commands.bench",
    },
    "Look": {
        "ls": "list_command.list_runs",
        "show": "show_command.show",
        "replay": "replay_command.replay",
        "render": "drawing_commands.render",
        "report": "drawing_commands.report",
        "artifacts": "artifacts_command.artifacts",
    },
    "Ask": {
        "tasks": "question_commands.tasks",
        "explain": "question_commands.explain",
        "diff": "question_commands.diff",
        "aggregate": "question_commands.aggregate",
        "leaderboard": "leaderboard_command.leaderboard",
        "compare": "picture_commands.compare",
        "reel": "picture_commands.reel",
    },
    "Check": {
        "verify": "verify_command.verify",
        "gate": "gate_command.gate",
        "baseline": "gate_command.baseline",
        "doctor": "upkeep_commands.doctor",
    },
    "Keep house": {
        "pin": "annotate_command.pin",
        "note": "annotate_command.note",
        "export": "upkeep_commands.export",
        "sync": "sync_command.sync",
        "clean": "upkeep_commands.clean",
    },
}
"""The functions of the commands, by group of the help and in its order."""


def _version(wanted: bool) -> None:
    if wanted:
        import jaxarc

        typer.echo(f"jaxarc-toolkit {jaxarc.__version__}")
        raise typer.Exit


def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Record, draw and replay episodes from inside compiled JAX programs."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def app_for(arguments: Sequence[str]) -> TeachingApp:
    """Return the application with the command that is typed, or with all where that is not clear.

    Making all commands takes longer than most of them do.

    Args:
        arguments: what was typed after ``jaxarc``.
    """
    typed = arguments[0] if arguments and "_JAXARC_COMPLETE" not in os.environ else ""
    known = {name for commands in _COMMANDS.values() for name in commands}
    made = TeachingApp(
        name="jaxarc",
        cls=Commands,
        invoke_without_command=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(options)
    for group, commands in _COMMANDS.items():
        for name, home in commands.items():
            if typed not in known or name == typed:
                module, function = home.split(".")
                command = getattr(import_module(f"jaxarc.cli.{module}"), function)
                made.command(name, rich_help_panel=group)(command)
    return made


app: TeachingApp
"""All commands; made when it is asked for."""


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()["app"] = everything = app_for(())
    return everything
