"""``jaxarc gate`` and ``jaxarc baseline``: exit codes, documents, pictures and alerts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import typed_in
from experiment_runs import experiment_run

from jaxarc.records.experiment_events import DefineMetric
from jaxarc.replay import ReplaySystem
from jaxarc.storage import list_baselines


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two runs with a loss that is to be small."""
    for name, last in (("first", 0.2), ("second", 0.5)):
        said = [DefineMetric(key="loss", direction="minimize")]
        experiment_run(tmp_path / "exp" / name, metrics={"loss": [1.0, last], "nan": ["x"]}, said=said)
    return tmp_path


def test_the_exit_code_says_whether_a_gate_is_passed(root: Path) -> None:
    """0 where it is, 1 where it is not or the metric is missing, 2 for a mistake."""
    for words, code in (
        (("second", "--metric", "loss", "--max", 0.5), 0),
        (("second", "--metric", "loss", "--max", 0.4), 1),
        (("second", "--metric", "lss", "--max", 0.4), 1),
        (("second", "--metric", "nan", "--max", 9), 1),
        (("second", "--metric", "loss"), 2),
        (("second", "--max", 1), 2),
        (("third", "--metric", "loss", "--max", 1), 2),
        (("second", "--metric", "loss", "--max", 1, "--chart", "a.gif"), 2),
        (("second", "--metric", "loss", "--baseline", "first"), 1),
        (("second", "--metric", "loss", "--baseline", "first", "--tolerance", 0.5), 0),
        (("second", "--metric", "nan", "--baseline", "first"), 2),
        (("second", "--metric", "loss", "--metric", "nan", "--max", 1), 1),
    ):
        done = typed_in(root, "gate", *words, "--root", root)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        assert bool(done.stdout) == (code != 2)


def test_a_gate_is_drawn_and_printed_as_one_document(root: Path) -> None:
    """The same picture for the same gate, with the names of outside as text."""
    words = ("gate", "second", "--metric", "loss", "--max", 0.4, "--chart", root / "gate.svg", "--root", root)
    done = typed_in(root, *words, "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["passed"], said["gates"][0]["value"]) == (1, False, 0.5)
    picture = (root / "gate.svg").read_text()
    assert said["chart"] == str(root / "gate.svg")
    for part in ("0.5 is above 0.4", "at most 0.4", "failed", "<path"):
        assert part in picture
    typed_in(root, *words)
    assert (root / "gate.svg").read_text() == picture
    odd = experiment_run(root / "exp" / "<script>", metrics={"a<b>&": [1.0]})
    typed_in(root, "gate", odd, "--metric", "a<b>&", "--max", 2, "--chart", root / "odd.svg")
    assert "&lt;script&gt;" in (root / "odd.svg").read_text()


def test_an_alert_is_written_into_the_run(root: Path) -> None:
    """Once for a gate that is not passed, never for one that is; the run's own files stay as they are."""
    run = ReplaySystem(root / "exp" / "second")
    before = (run.run_dir / "events" / "p000-000001.jsonl").read_bytes()
    typed_in(root, "gate", "second", "--metric", "loss", "--max", 1, "--alert", "--root", root)
    assert list(run.events("log")) == []
    typed_in(root, "gate", "second", "--metric", "loss", "--max", 0.4, "--alert", "--root", root)
    (event,) = run.events("log")
    assert event.payload["msg"] == "loss: 0.5 is above 0.4"
    assert (event.payload["level"], event.payload["fields"]["alert"]) == ("WARNING", True)
    assert (run.run_dir / "events" / "p000-000001.jsonl").read_bytes() == before


def test_a_baseline_is_set_listed_used_and_removed(root: Path) -> None:
    """Its name stands for its run in every command, and can go to another run."""
    assert "no baseline below" in typed_in(root, "baseline", "--root", root).stdout
    assert typed_in(root, "baseline", "set", "first", "--root", root).stdout == "default is now exp/first\n"
    typed_in(root, "baseline", "set", "second", "--name", "a/../b", "--root", root)
    said = json.loads(typed_in(root, "baseline", "list", "--json", "--root", root).stdout)
    assert {each["name"]: each["run"] for each in said["baselines"]} == {
        "a/../b": "second",
        "default": "first",
    }
    assert all(each.path.parent == root / "baselines" for each in list_baselines(root))
    assert "first" in typed_in(root, "show", "baseline", "--root", root).stdout
    assert typed_in(root, "baseline", "show", "--root", root).stdout == f"{root / 'exp' / 'first'}\n"
    gate = ("gate", "baseline:a/../b", "--metric", "loss", "--baseline", "default", "--root", root)
    assert typed_in(root, *gate).returncode == 1
    typed_in(root, "baseline", "set", "second", "--root", root)
    assert typed_in(root, *gate).returncode == 0
    typed_in(root, "baseline", "remove", "--root", root)
    assert typed_in(root, *gate).returncode == 2
    assert "gone" not in typed_in(root, "baseline", "list", "--root", root).stdout
    (root / "exp" / "second").rename(root / "exp" / "moved")
    assert "second (gone)" in typed_in(root, "baseline", "list", "--root", root).stdout
    assert typed_in(root, "baseline", "show", "--name", "a/../b", "--root", root).returncode == 2


@pytest.mark.parametrize(
    "words",
    [("sett",), ("set",), ("list", "first"), ("remove", "--name", "x"), ("set", "first", "--name", " ")],
)
def test_a_baseline_that_cannot_be_is_a_mistake(root: Path, words: tuple[str, ...]) -> None:
    """With one message on stderr."""
    done = typed_in(root, "baseline", *words, "--root", root)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")


def test_a_damaged_baseline_is_told(root: Path) -> None:
    """It names no run, rather than another one."""
    typed_in(root, "baseline", "set", "first", "--root", root)
    next(iter(list_baselines(root))).path.write_text("[]")
    done = typed_in(root, "gate", "second", "--metric", "loss", "--baseline", "default", "--root", root)
    assert done.returncode == 2
    assert "names no baseline" in done.stderr
