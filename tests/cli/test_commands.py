"""The command line, as people type it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from command_line import typed_in

import jaxarc
from jaxarc.replay import ReplaySystem

ROLLOUT = (
    "rollout",
    "visualization=debug_verbose",
    "env.num_envs=4",
    "rollout.num_steps=40",
    "policy=painter",
)


def jaxarc_command(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``jaxarc`` in ``folder`` as a process of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JAXARC_", "XLA_"))}
    return subprocess.run(
        [sys.executable, "-m", "jaxarc", *arguments],
        cwd=folder,
        env={**clean, "COLUMNS": "120", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the README's rollout was played twice, and what the first one printed."""
    folder = tmp_path_factory.mktemp("cli")
    first = jaxarc_command(folder, *ROLLOUT, "seed=0")
    both = (
        "visualization.output_formats=[svg,png]",
        "visualization.live.max_files=8",
        "rollout.draw_episodes=2",
        "logging.trackers=[tensorboard]",
    )
    second = jaxarc_command(folder, *ROLLOUT, "seed=0", *both, "--json")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    said = json.loads(second.stdout)  # one document, and everything that people read on stderr
    assert (said["status"], said["pictures"] > 0) == ("FINISHED", True)
    # Where a tracker shows the run is said as what to type, as short as it is from here.
    assert "  tensorboard --logdir outputs/" in second.stderr
    return folder, first.stdout


def runs(folder: Path) -> list[ReplaySystem]:
    """Open the runs below a folder."""
    return [ReplaySystem(path.parent) for path in sorted(folder.glob("outputs/episodes/*/*/run.json"))]


def test_a_rollout_ends_with_a_table_and_the_commands_to_look_at_it(played: tuple[Path, str]) -> None:
    """Solved episodes are in the table; what is printed at the end can be typed."""
    folder, printed = played
    assert "solved" in printed
    assert "losses  none" in printed
    commands = [line.split()[1:] for line in printed.splitlines() if line.startswith("  jaxarc ")]
    assert [command[0] for command in commands] == ["ls", "show"]
    for command in commands:
        assert jaxarc_command(folder, *command).returncode == 0


def test_playing_twice_leaves_two_runs_with_the_same_episodes(played: tuple[Path, str]) -> None:
    """Runs never share a folder; the same seed plays the same episodes."""
    first, second = runs(played[0])
    assert first.run_dir != second.run_dir
    assert len(first) > 4
    for a, b in zip(first.episodes(), second.episodes(), strict=True):
        assert (a.task_id, a.env_id, a.total_steps, a.total_reward) == (
            b.task_id,
            b.env_id,
            b.total_steps,
            b.total_reward,
        )
    assert first.status == second.status == "FINISHED"


def test_the_kept_episodes_are_drawn(played: tuple[Path, str]) -> None:
    """Each has a summary and a picture of every stored step, valid XML; PNG where it was asked for."""
    first, second = sorted(runs(played[0]), key=lambda run: len(list(run.run_dir.rglob("*.png"))))
    for row in first.episodes("stored_steps > 0"):
        pictures = sorted((first.run_dir / "episodes" / f"episode_{row.episode:04d}").iterdir())
        assert len(pictures) == row.stored_steps + 1
        for picture in pictures:
            ElementTree.parse(picture)
    svg, png = (sorted(second.run_dir.rglob(f"*.{kind}")) for kind in ("svg", "png"))
    assert [path.stem for path in svg] == [path.stem for path in png]


def test_the_tasks_that_were_met_are_stored(played: tuple[Path, str]) -> None:
    """A run can be drawn without the data set."""
    run = runs(played[0])[0]
    met = set(run.episodes().text("task_id"))
    assert {path.stem for path in (run.run_dir / "tasks").iterdir()} == met
    document = run.task(next(iter(met)))
    assert document is not None
    assert document["train"][0]["input"][0]


def test_ls_lists_runs_and_the_episodes_of_one(played: tuple[Path, str]) -> None:
    """Runs by name and status; episodes filtered and sorted."""
    folder = played[0]
    names = [run.name for run in runs(folder)]
    listed = jaxarc_command(folder, "ls").stdout
    assert all(name in listed for name in names)
    assert "FINISHED" in listed
    solved = jaxarc_command(
        folder, "ls", "latest", "--where", "success", "--sort", "-total_steps", "--limit", "2"
    )
    rows = [line for line in solved.stdout.splitlines() if "terminated" in line]
    assert len(rows) == 2
    assert all("solved" in row for row in rows)
    steps = [int(row.split()[3]) for row in rows]
    assert steps == sorted(steps, reverse=True)


def test_ls_honours_the_environment_variable(played: tuple[Path, str], tmp_path: Path) -> None:
    """JAXARC_OUTPUT_DIR says where runs are looked for."""
    root = str(played[0] / "outputs" / "episodes")
    assert jaxarc_command(tmp_path, "ls", JAXARC_OUTPUT_DIR=root).returncode == 0


def test_show_prints_the_boards_of_an_episode(played: tuple[Path, str]) -> None:
    """Before, after and target, with digits where there is no colour."""
    folder = played[0]
    row = next(iter(jaxarc.open(runs(folder)[-1].run_dir).episodes("success and stored_steps > 2")))
    shown = jaxarc_command(folder, "show", row_run(folder), str(row.episode))
    assert shown.returncode == 0
    assert shown.stdout.count("before") == row.stored_steps
    assert row.task_id in shown.stdout
    one = jaxarc_command(folder, "show", row_run(folder), str(row.episode), "--step", "1")
    assert one.stdout.count("before") == 1


def row_run(folder: Path) -> str:
    """Return the path of the last run by name."""
    return str(runs(folder)[-1].run_dir)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rollout", "env.num_envs=0"), "env.num_envs"),
        (("rollout", "env.num_env=4"), "env.num_envs"),
        (("rollout", "env.step_penalty=0.5"), "env.step_penalty"),
        (("rollout", "capture.envs=[0,99]"), "capture.envs=[0]"),
        (("rollout", "capture.streams.train.envs=[99]"), "capture.streams.train.envs=[0]"),
        (("rollout", "visualization=debug_verbos"), "debug_verbose"),
        (("rollout", "env.dataset=arc-agi-7"), "arc-agi"),
        (("rollout", "env.task_ids=[25d8a9c9]"), "25d8a9c8"),
        (("ls",), "jaxarc rollout"),
        (("ls", "nothing-here"), "nothing-here"),
        (("show", "nothing-here", "0"), "nothing-here"),
        (("show",), "RUN"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_is_one_message_and_exit_code_two(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    """No traceback, and the message names the way out."""
    done = typed_in(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "latest", "9999"), "9999"),
        (("show", "latest", "0", "--step", "999"), "stored steps"),
        (("ls", "latest", "--where", "sucess"), "success"),
        (("ls", "latest", "--where", "__import__('os')"), "where"),
        (("ls", "latest~7"), "latest~7"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_mistake_about_a_run_is_explained(
    played: tuple[Path, str], arguments: tuple[str, ...], words: str
) -> None:
    """Missing episodes, steps and columns are answered with what there is."""
    done = typed_in(played[0], *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_file_is_named(played: tuple[Path, str], tmp_path: Path) -> None:
    """A run whose segments were cut short says which."""
    source = runs(played[0])[0].run_dir
    damaged = tmp_path / source.name
    shutil.copytree(source, damaged)
    for segment in (damaged / "steps").iterdir():
        segment.write_bytes(segment.read_bytes()[:1000])
    listed = typed_in(tmp_path, "ls", str(damaged))
    assert "damaged" in listed.stdout
    assert "p000-000001.h5" in listed.stdout
    shown = typed_in(tmp_path, "show", str(damaged), "0")
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr


def test_a_run_whose_run_file_is_damaged_is_shown_and_listed(
    played: tuple[Path, str], tmp_path: Path
) -> None:
    """What run.json says is derived: its episodes are there, ``ls`` names the file and exits with 2."""
    source = runs(played[0])[0].run_dir
    damaged = tmp_path / source.name
    shutil.copytree(source, damaged)
    (damaged / "run.json").write_text("{")
    shown = typed_in(tmp_path, "show", str(damaged), "0")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "before" in shown.stdout
    listed = typed_in(tmp_path, "ls", str(damaged))
    assert listed.returncode == 2
    assert "LOST" in listed.stdout
    assert "run.json" in "".join(listed.stdout.split("damaged:")[1:])
