"""A PPO run of the examples is opened, queried, compared, explained and verified by the README alone."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from example_runs import EXAMPLES, run_example
from typer.testing import CliRunner

import jaxarc
from jaxarc.cli.app import app

pytestmark = pytest.mark.skipif(importlib.util.find_spec("optax") is None, reason="needs optax")

SECTION = (EXAMPLES.parent / "README.md").read_text().split("## Ask it why")[1].split("\n## ")[0]
TRAINING, ASKING = re.findall(r"```console\n(.*?)```", SECTION, re.DOTALL)
(PYTHON,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory that has the examples, as a clone has them."""
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "examples"]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def walk(capsys: pytest.CaptureFixture[str]) -> None:
    """Follow the README: its Python as it stands, its commands with the episodes of this run."""
    names: dict[str, object] = {}
    exec(PYTHON, names)
    said = capsys.readouterr().out
    for words in ("task_id", "not solved", "They part at step", "re-simulated: nothing differs"):
        assert words in said
    for name in ("why.png", "reel.png", "failed.html"):
        assert Path(name).stat().st_size > 5_000
    run = jaxarc.open("latest")
    failed, solved = (names[name].episode for name in ("failed", "solved"))  # pyright: ignore
    assert [(note.text, note.episode) for note in run.notes()] == [
        ("still wrong in the last updates", failed)
    ]
    shown = re.search(r"compare latest:(\d+) latest:(\d+)", ASKING)
    assert shown is not None
    answers = {}
    for line in ASKING.strip().splitlines():
        command = line.removeprefix("$ ").replace(shown[1], str(failed)).replace(shown[2], str(solved))
        program, *words = shlex.split(command)
        assert program == "jaxarc"
        done = CliRunner().invoke(app, words, env={"COLUMNS": "100"})
        assert done.exit_code == 0, (command, done.output, done.exception)
        answers[words[0]] = done.output
    assert set(answers) == {"tasks", "ls", "explain", "compare", "replay", "verify"}
    assert f"episode {failed} of task" in answers["explain"]
    assert re.search(r"([\d,]+) of \1 episodes confirmed", answers["verify"])
    assert Path("why.html").is_file()


def test_the_readme_is_enough_to_ask_a_ppo_run_why(
    ppo_root: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a small run: every line of Python and every command of the section, in an empty folder."""
    shutil.copytree(ppo_root / "outputs", home / "outputs")
    walk(capsys)


@pytest.mark.long
def test_the_readme_is_enough_from_training_to_verification(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run is the README's own; what it says of it is there to be read."""
    interpreter, script, *arguments = shlex.split(TRAINING.removeprefix("$ "))
    assert (interpreter, script) == ("python", "examples/ppo.py")
    assert "Look at them" in run_example("ppo.py", home, *arguments)
    walk(capsys)
