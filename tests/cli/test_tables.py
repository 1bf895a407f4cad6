"""Tables fit the terminal by leaving columns out; no number and no name is ever shortened."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from command_line import typed_in
from damage import run_of_segments
from rich.console import Console

from jaxarc.cli import listing
from jaxarc.replay import ReplaySystem


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Twelve episodes of two environments."""
    return run_of_segments(tmp_path_factory.mktemp("runs"))


def listed(
    monkeypatch: pytest.MonkeyPatch, name: Path, width: int, *, is_terminal: bool = True, limit: int = 50
) -> list[str]:
    """Return the lines that ``jaxarc ls`` prints."""
    printed = io.StringIO()
    console = Console(file=printed, width=width, force_terminal=is_terminal, color_system=None)
    monkeypatch.setattr(listing, "terminal", lambda: console)
    listing.list_episodes_or_runs(str(name), root=None, where=None, sort=None, limit=limit)
    return printed.getvalue().splitlines()


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
def test_episodes_lose_columns_and_never_digits(
    run: ReplaySystem, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """From the least important on; number, task, steps and reward stay."""
    lines = listed(monkeypatch, run.run_dir, width)
    heading = next(i for i, line in enumerate(lines) if line.startswith("episode  task"))
    names = lines[heading].split()
    assert {"episode", "task", "steps", "reward"} <= set(names)
    assert "…" not in "".join(lines)
    rows = [line.split() for line in lines[heading + 1 :]]
    assert [row[0] for row in rows] == [str(row.episode) for row in run.episodes()]
    rewards = [row[names.index("reward")] for row in rows]
    assert rewards == [f"{row.total_reward:+.2f}" for row in run.episodes()]
    kept = [name for name in ("stored", "env", "ended") if name in names]
    assert kept == ["stored", "env", "ended"][3 - len(kept) :]
    assert max(map(len, lines[heading:])) <= max(width, len("episode  task  steps  reward  solved"))


@pytest.mark.parametrize("width", [40, 60, 120])
def test_runs_lose_columns_and_never_their_names(
    run: ReplaySystem, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Status and counts stay; when it was started goes first."""
    lines = listed(monkeypatch, run.run_dir.parent, width)
    assert "".join(lines).startswith("1 run below")
    row = next(line for line in lines if run.name in line).split()
    assert row[1] == "FINISHED"
    assert "12" in row
    assert ("ago" in row) == (width == 120)


def test_what_is_no_terminal_has_room_for_everything(
    run: ReplaySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe has no width: every line is whole."""
    lines = listed(monkeypatch, run.run_dir, 20, is_terminal=False)
    assert lines[0].endswith("with steps")
    assert {"stored", "env", "ended"} <= set(lines[1].split())
    assert len(lines) == 14


def test_columns_that_are_asked_for_are_all_printed(run: ReplaySystem, tmp_path: Path) -> None:
    """Of episodes and of steps, in their order; a name that is none is answered with the closest."""
    done = typed_in(tmp_path, "ls", run.run_dir, "--columns", "total_reward,episode", "--limit", 2)
    assert done.stdout.splitlines()[1].split() == ["total_reward", "episode"]
    assert done.stdout.splitlines()[-1] == "… and 10 more; --limit shows them"
    steps = typed_in(tmp_path, "ls", run.run_dir, "--steps", "--limit", 3).stdout.splitlines()
    assert {"episode", "step", "reward"} <= set(steps[1].split())
    assert "did you mean episode" in typed_in(tmp_path, "ls", run.run_dir, "--columns", "episod").stderr
    assert "name it" in typed_in(tmp_path, "ls", run.run_dir.parent, "--steps").stderr


def test_runs_are_chosen_sorted_and_have_the_columns_that_were_asked_about(
    run: ReplaySystem, tmp_path: Path
) -> None:
    """A condition on runs is answered with those alone; a wrong name with the closest."""
    for name in ("one", "two"):
        shutil.copytree(run.run_dir, tmp_path / "runs" / "default" / name)
    runs = tmp_path / "runs"
    lines = typed_in(tmp_path, "ls", runs, "--where", "run == 'two' and best_return > 1").stdout.splitlines()
    assert lines[0].startswith("1 of 2 runs below")
    assert lines[1].split()[-1] == "best_return"
    assert [line.split()[0] for line in lines[2:]] == ["two"]
    lines = typed_in(tmp_path, "ls", runs, "--columns", "run,episodes", "--sort", "-run").stdout.splitlines()
    assert [line.split() for line in lines[1:]] == [["run", "episodes"], ["two", "12"], ["one", "12"]]
    assert typed_in(tmp_path, "ls", runs, "--where", "episodes < 0").stdout.startswith("0 of 2 runs")
    wrong = typed_in(tmp_path, "ls", runs, "--where", "episods > 3")
    assert "did you mean episodes" in wrong.stderr
    assert wrong.returncode == 2
    document = json.loads(
        typed_in(
            tmp_path, "ls", runs, "--sort", "-run", "--limit", 1, "--columns", "run,episodes", "--json"
        ).stdout
    )
    assert (document["total"], document["runs"]) == (2, [{"run": "two", "episodes": 12}])


def test_an_age_is_in_its_largest_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a clock that went back is no negative age."""
    monkeypatch.setattr(listing.time, "time", lambda: 1_000_000.0)
    ages = {-5: "0 s ago", 59: "59 s ago", 200: "3 min ago", 7_300: "2 h ago", 200_000: "2 d ago"}
    for seconds, words in ages.items():
        assert listing.age(1_000_000.0 - seconds) == words
