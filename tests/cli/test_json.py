"""``--json``: one document on stdout for scripts, with stable keys, whatever the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import typed_in

from jaxarc.replay import ReplaySystem

DOCUMENTS: dict[str, tuple[str, set[str]]] = {
    "ls": ("ls RUN", {"run", "run_dir", "status", "total", "episodes", "problems", "continued_in"}),
    "ls steps": ("ls RUN --steps --limit 3", {"run", "status", "total", "steps", "problems"}),
    "show": ("show RUN", {"run", "status", "episodes", "solved", "losses", "remarkable", "pinned", "notes"}),
    "show episode": ("show RUN 0", {"run", "episode", "row", "stored_steps", "stored_parts"}),
    "show step": ("show RUN 0 --step 0", {"run", "row", "step"}),
    "compare": ("compare RUN:0 RUN:1 --out OUT/a.svg", {"picture", "type", "episodes"}),
    "align": ("compare RUN:0 RUN:1 --align --out OUT/a.svg", {"picture", "parted_at", "parted_by"}),
    "tasks": ("tasks RUN", {"run", "tasks", "episodes_without_task"}),
    "explain": ("explain RUN", {"run", "episodes", "solved", "explained", "causes", "notes"}),
    "explain episode": ("explain RUN 0", {"run", "episode", "outcome", "findings", "unknown"}),
    "diff": ("diff RUN:0 RUN:0", {"kind", "step", "leaves", "compared", "unknown", "words"}),
    "aggregate": ("aggregate RUN", {"run", "value", "low", "high", "groups", "tasks", "scores"}),
    "diff config": ("diff --config RUN RUN", {"a", "b", "compared", "different"}),
    "ls runs": ("ls RUN --runs", {"root", "total", "runs"}),
    "gate": (
        "gate RUN --metric train/episodes --min 0",
        {
            "run",
            "run_dir",
            "status",
            "passed",
            "baseline",
            "gates",
            "reasons",
            "problems",
            "chart",
            "alerted",
        },
    ),
    "baseline": ("baseline list --root OUT", {"root", "baselines"}),
    "leaderboard": (
        "leaderboard train/episodes --direction maximize --root RUN",
        {"root", "metric", "direction", "baseline", "total", "runs"},
    ),
    "note": ("note RUN", {"run", "notes"}),
    "reel": ("reel RUN --out OUT/a.svg", {"run", "task", "by", "total", "picture", "episodes"}),
    "render": ("render RUN 0 --format svg --steps none --out OUT", {"episodes", "files", "left_out"}),
    "report": ("report RUN --out OUT/a.html", {"run", "report", "bytes"}),
    "export": ("export RUN --format jsonl --out OUT/a.jsonl", {"run", "path", "episodes"}),
    "doctor": ("doctor RUN", {"status", "done"}),
    "clean": ("clean RUN --dry-run", {"dry_run", "runs"}),
}


def answer(run: ReplaySystem, line: str, out: Path) -> dict[str, Any]:
    """Type a line with ``--json``; return the one document that it prints."""
    words = line.replace("RUN", str(run.run_dir)).replace("OUT", str(out)).split()
    done = typed_in(out, *words, "--json")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    return json.loads(done.stdout, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_command_prints_one_document(arc_run: ReplaySystem, tmp_path: Path, name: str) -> None:
    """With the keys that docs/replay.md names; progress and words go to stderr."""
    line, keys = DOCUMENTS[name]
    assert keys <= set(answer(arc_run, line, tmp_path))


def test_rows_are_those_of_the_run(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """Number for number; what JSON has no number for is null."""
    said = answer(arc_run, "show RUN 0", tmp_path)
    row = arc_run.episodes("episode == 0").row(0)
    assert said["row"] == {key: None if value != value else value for key, value in row.items()}
    assert said["stored_steps"] == arc_run.load_episode(0).step.tolist()
    step = answer(arc_run, "show RUN 0 --step 1", tmp_path)["step"]
    assert step["reward"] == float(arc_run.load_episode(0).reward[1])
    run = answer(arc_run, "show RUN", tmp_path)
    assert run["episodes"] == len(arc_run)
    assert run["with_steps"] == len(arc_run.episodes("stored_steps > 0"))


def test_listed_rows_are_all_that_are_meant(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """In the order and with the columns that were asked for; as many as ``--limit`` says."""
    line = "ls RUN --where total_steps>1 --sort -total_reward --columns episode,total_reward"
    said = answer(arc_run, line, tmp_path)
    meant = arc_run.episodes("total_steps > 1", "-total_reward")
    assert said["episodes"] == meant.to_dicts(["episode", "total_reward"])
    few = answer(arc_run, f"{line} --limit 2", tmp_path)
    assert (few["total"], few["episodes"]) == (len(meant), said["episodes"][:2])
    steps = answer(arc_run, "ls RUN --steps --where reward>0 --columns episode,step,reward", tmp_path)
    assert steps["steps"] == arc_run.steps("reward > 0").to_dicts(["episode", "step", "reward"])


def test_listed_runs_say_where_they_are(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """With counts as ``run.json`` has them."""
    done = typed_in(tmp_path, "ls", arc_run.run_dir.parents[1], "--json")
    (row,) = json.loads(done.stdout)["runs"]
    assert (row["run"], row["run_dir"]) == (arc_run.name, str(arc_run.run_dir.resolve()))
    assert (row["status"], row["episodes"], row["problem"]) == (arc_run.status, len(arc_run), None)


def test_a_mistake_is_no_document(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """stdout stays empty, the message is on stderr, and the exit code is 2."""
    done = typed_in(tmp_path, "show", arc_run.run_dir, "999", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no episode 999" in done.stderr
