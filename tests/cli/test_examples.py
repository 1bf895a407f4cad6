"""Every example of every ``--help`` is typed at a recorded run, and does what it says."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from arc_run import TASK_IDS
from command_line import typed_in

from jaxarc.cli.app import app
from jaxarc.cli.help_text import examples_of
from jaxarc.replay import ReplaySystem
from jaxarc.replay.baseline import set_baseline

ELSEWHERE = ("rollout", "bench", "verify")
"""Recording, measuring and playing again have tests of their own: they take their time, or an environment."""

EXAMPLES = [
    example
    for name, command in cast(Any, typer.main.get_command(app)).commands.items()
    for example in examples_of(command.help or "")
    if name not in ELSEWHERE
]
MAY_SAY_NO = {"diff", "gate", "verify"}
"""Commands whose answer about any run may be no: exit code 1."""


@pytest.fixture(scope="module")
def folder(arc_run: ReplaySystem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of ARC tasks, copied because some commands write into them."""
    folder = tmp_path_factory.mktemp("examples")
    for count in range(2):
        copy = folder / "outputs" / "episodes" / "default" / f"{arc_run.name}-{count}"
        shutil.copytree(arc_run.run_dir, copy)
        said = json.loads((copy / "run.json").read_text())
        (copy / "run.json").write_text(json.dumps({**said, "created": float(count)}))
        set_baseline(ReplaySystem(copy), root=folder / "outputs" / "episodes")
    return folder


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_does_what_it_says(folder: Path, example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With exit code 0, in a folder of one's own; tasks are those of the run, and no browser is opened."""
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    typed = example.replace("007bbfb7", TASK_IDS[0])
    done = typed_in(folder, *shlex.split(typed)[1:])
    allowed = (0, 1) if typed.split()[1] in MAY_SAY_NO else (0,)
    assert done.returncode in allowed, done.stderr
    assert done.stdout
