"""``jaxarc show``: a run at a glance, and an episode that has only its row."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from command_line import typed_in

import jaxarc
from jaxarc.replay import ReplaySystem


@pytest.fixture(scope="module")
def rows_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with an episode, and the row of another, of a task whose name would act on a terminal."""
    config = {
        "capture": {"level": "verbose", "keep": "success"},
        "storage": {"base_output_dir": str(tmp_path_factory.mktemp("rows"))},
        "visualization": {"live": {"enabled": False}},
        "pipeline": {"handle_signals": False},
    }
    with jaxarc.Recorder(config) as recorder:
        for won in (True, False):
            with recorder.episode(task="[red]\x1b[31m\nodd") as episode:
                episode.step([[1]], 0, float("nan"), [[2]], terminated=True, success=won)
    assert recorder.run_dir is not None
    return recorder.run_dir


def test_a_run_says_how_it_went_and_what_to_type_next(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """What it proposes can be typed."""
    root = arc_run.run_dir.parents[1]
    shown = typed_in(tmp_path, "show", arc_run.name, "--root", root).stdout
    for words in ("FINISHED", f"{len(arc_run)}: ", "losses  none", "best  episode", "level  verbose"):
        assert words in shown
    commands = [line.strip() for line in shown.splitlines() if line.startswith("  jaxarc ")]
    assert [command.split()[1] for command in commands] == ["ls", "show", "replay", "report"]
    for command in commands[:2]:
        done = typed_in(tmp_path, *shlex.split(command)[1:], JAXARC_OUTPUT_DIR=str(root))
        assert done.returncode == 0, done.stderr


def test_an_episode_without_steps_says_why(rows_only: Path, tmp_path: Path) -> None:
    """Its row is shown all the same; a step of it that is asked for is a mistake."""
    shown = typed_in(tmp_path, "show", rows_only, "1")
    assert shown.returncode == 0, shown.stderr
    assert "no steps of it are stored: " in shown.stdout
    assert "capture.keep" in shown.stdout
    assert typed_in(tmp_path, "show", rows_only, "1", "--step", "0").returncode == 2
    assert typed_in(tmp_path, "show", rows_only, "--step", "0").returncode == 2


@pytest.mark.parametrize("words", ["ls", "show", "show 0", "compare --type outcome_by_task", "replay 0"])
def test_names_from_outside_stay_text(rows_only: Path, tmp_path: Path, words: str) -> None:
    """Neither markup nor escapes of a task act on the terminal, with colours or without."""
    command, *rest = words.split()
    more = ("--out", tmp_path / "a.svg") if command == "compare" else ()
    for environment in ({}, {"FORCE_COLOR": "1"}):
        done = typed_in(tmp_path, command, rows_only, *rest, *more, **environment)
        assert done.returncode == 0, done.stderr
        assert "\x1b[31m\n" not in done.stdout
        assert "\x1b[31modd" not in done.stdout
