"""What ``--help`` prints: what a command is for, examples to type, then its arguments and options."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from jaxarc.cli.plain_values import cast_plainly
from jaxarc.cli.terminal import terminal

__all__ = ["Commands", "TeachingApp", "examples_of"]

_WIDEST = 100
_GAP = 2
_WIDEST_NAME = 26
_EXAMPLES = re.compile(r"(?:\[bold\])?Examples:?(?:\[/\])?")
_TYPED = "jaxarc.typed"
_FIRST_STEPS = (
    "jaxarc rollout policy=painter seed=0",
    "jaxarc ls latest",
    "jaxarc show latest",
)
_CLOSING = (
    "A RUN is its name, the beginning of it, a path, latest, or latest~1 for the one before. "
    "jaxarc COMMAND --help shows what a command takes, with examples. "
    "Exit codes: 0 done, 1 the answer is no, 2 a mistake, 130 Ctrl-C."
)


class TeachingApp(typer.Typer):
    """A typer application whose commands have help that is written here."""

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Register a command, as typer does."""
        return super().command(name, **{"cls": _Command, **options})


class Commands(TyperGroup):
    """The command ``jaxarc`` itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed, numbers and paths by the casts of this package."""
        cast_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the commands in their groups."""
        console = terminal()
        _print_usage(console, ctx, "COMMAND")
        _print_prose(console, (self.help or "").split("\n\n"))
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            purpose = " ".join((command.help or "").split("\n\n")[0].split())
            group = str(getattr(command, "rich_help_panel", None) or "Commands")
            groups.setdefault(group, []).append((name, purpose))
        width = max(len(name) for name in self.commands)
        for group, commands in groups.items():
            _print_table(console, group, commands, width)
        _print_parameters(console, ctx, self)
        _print_examples(console, "First steps", _FIRST_STEPS)
        _print_prose(console, [_CLOSING])


class _Command(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what was typed, numbers and paths by the casts of this package."""
        cast_plainly(self.get_params(ctx))
        ctx.meta[_TYPED] = list(args)
        if ctx.resilient_parsing and args and args[-1].startswith("-"):
            args = args[:-1]  # its value is what is completed; parsed without one it would take all with it
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete options, and the columns behind ``--sort -``, which look like options."""
        typed = ctx.meta.get(_TYPED, [])
        if typed[-1:] == ["--sort"]:
            option = next(each for each in self.params if each.name == "sort")
            return option.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print what the docstring says, its examples, and what can be given."""
        console = terminal()
        prose, examples = _parted(self.help or "")
        _print_usage(console, ctx, " ".join(_usage(each) for each in self.params if _is_argument(each)))
        _print_prose(console, prose)
        _print_examples(console, "Examples", examples)
        _print_parameters(console, ctx, self)


def examples_of(help: str) -> list[str]:
    """Return the command lines that a help text shows."""
    return _parted(help)[1]


def _parted(help: str) -> tuple[list[str], list[str]]:
    """Return the paragraphs and the examples of a docstring."""
    before, after = help, ""
    for found in re.finditer(r"^.*$", help, re.MULTILINE):
        if _EXAMPLES.fullmatch(found[0].strip()):
            before, after = help[: found.start()], help[found.end() :]
            break
    return before.strip().split("\n\n"), [line.strip() for line in after.splitlines() if line.strip()]


def _width(console: Console) -> int:
    return min(console.width, _WIDEST) - 1


def _print_usage(console: Console, ctx: Any, arguments: str) -> None:
    words = ("Usage: ", "bold"), f"{ctx.command_path} {arguments} [OPTIONS]".replace("  ", " ")
    console.print(Text.assemble(*words), soft_wrap=True)


def _print_prose(console: Console, paragraphs: Sequence[str]) -> None:
    for paragraph in paragraphs:
        console.print()
        for line in Text(" ".join(paragraph.split())).wrap(console, _width(console)):
            line.rstrip()
            console.print(line, soft_wrap=True)


def _print_examples(console: Console, heading: str, examples: Sequence[str]) -> None:
    if examples:
        console.print()
        console.print(Text(heading, "bold"))
        for example in examples:
            console.print(Text(f"  {example}", "cyan"), soft_wrap=True)


def _print_table(console: Console, heading: str, rows: Sequence[tuple[str, str]], name_width: int) -> None:
    """Print names and what they mean; a name that is too long for its column has a line of its own."""
    console.print()
    console.print(Text(heading, "bold"))
    indent = name_width + 2 * _GAP
    for name, words in rows:
        lines = Text(words).wrap(console, max(20, _width(console) - indent))
        first = Text.assemble(" " * _GAP, (name.ljust(name_width), "cyan"), " " * _GAP)
        if len(name) > name_width:
            first.rstrip()
            console.print(first, soft_wrap=True)
            first = Text(" " * indent)
        for line in lines or [Text()]:
            line.rstrip()
            console.print(first + line, soft_wrap=True)
            first = Text(" " * indent)


def _print_parameters(console: Console, ctx: Any, command: Any) -> None:
    arguments = [(_usage(each), _meaning(each)) for each in command.params if _is_argument(each)]
    options = [
        (_spelled(each), _meaning(each))
        for each in command.get_params(ctx)
        if not _is_argument(each) and not getattr(each, "hidden", False)
    ]
    names = [name for name, _ in (*arguments, *options) if len(name) <= _WIDEST_NAME]
    width = max((len(name) for name in names), default=0)
    if arguments:
        _print_table(console, "Arguments", arguments, width)
    if options:
        _print_table(console, "Options", options, width)


def _is_argument(parameter: Any) -> bool:
    return parameter.param_type_name == "argument"


def _usage(argument: Any) -> str:
    """Return an argument as the usage line has it: ``RUN``, ``[EPISODES]...``."""
    name = argument.metavar or argument.name.upper()
    if "[" in name:
        return name
    many = "..." if argument.nargs == -1 else ""
    return f"{name}{many}" if argument.required else f"[{name}{many}]"


def _spelled(option: Any) -> str:
    """Return how an option is typed: ``--limit N``, ``-h, --help``, ``--digits/--no-digits``."""
    names = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        return f"{names}/{option.secondary_opts[0]}"
    return names if option.is_flag else f"{names} {option.metavar or 'TEXT'}"


def _meaning(parameter: Any) -> str:
    words = [parameter.help or ""]
    shown = getattr(parameter, "show_default", False)
    default = shown if isinstance(shown, str) else parameter.default if shown else None
    if isinstance(default, (str, int, float)) and not isinstance(default, bool):
        words.append(f"Default: {default:g}." if isinstance(default, float) else f"Default: {default}.")
    if parameter.envvar:
        words.append(f"Environment: {parameter.envvar}.")
    if not _is_argument(parameter) and parameter.required:
        words.append("Required.")
    return " ".join(words)
