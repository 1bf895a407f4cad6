"""``--help`` teaches: groups, examples that can be typed, and lines that fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import typer
from command_line import typed_in
from rich.cells import cell_len

from jaxarc.cli.app import app
from jaxarc.cli.help_text import examples_of

COMMANDS: dict[str, str] = {
    name: command.help or "" for name, command in cast(Any, typer.main.get_command(app)).commands.items()
}


def test_the_commands_are_in_groups_and_no_arguments_show_the_same(tmp_path: Path) -> None:
    """What to type first stands there as well; neither is a mistake."""
    helped, bare = typed_in(tmp_path, "--help"), typed_in(tmp_path)
    assert (helped.returncode, helped.stderr) == (0, "")
    assert (bare.returncode, bare.stdout) == (0, helped.stdout)
    lines = helped.stdout.splitlines()
    groups = [lines.index(group) for group in ("Record", "Look", "Ask", "Check", "Keep house", "First steps")]
    assert groups == sorted(groups)
    assert all(any(line.startswith(f"  {name} ") for line in lines) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_teaches_by_two_to_four_examples(tmp_path: Path, name: str) -> None:
    """They are printed so that they can be copied: one line each, which fits in 80 columns."""
    helped = typed_in(tmp_path, name, "--help", COLUMNS="80")
    examples = examples_of(COMMANDS[name])
    assert helped.returncode == 0
    assert 2 <= len(examples) <= 4
    for example in examples:
        assert example.startswith(f"jaxarc {name}")
        assert f"  {example}" in helped.stdout.splitlines()


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_keeps_within_the_columns(tmp_path: Path, name: str, columns: int) -> None:
    """No line is wider, none ends in spaces, and no word is broken."""
    helped = typed_in(tmp_path, *filter(None, [name]), "--help", COLUMNS=str(columns))
    for line in helped.stdout.splitlines():
        assert cell_len(line) <= min(columns, 100)
        assert line == line.rstrip()
        assert "…" not in line


def test_an_option_shows_its_default_and_its_environment_variable(tmp_path: Path) -> None:
    """A switch has no value to give, an option that must be given says so."""
    helped = typed_in(tmp_path, "export", "--help", COLUMNS="100").stdout
    assert "--format FORMAT" in helped
    assert "Required." in helped
    assert "Default: outputs/episodes. Environment: JAXARC_OUTPUT_DIR." in " ".join(helped.split())
    assert "--force  " in helped
    assert "--digits/--no-digits" in typed_in(tmp_path, "render", "--help").stdout
