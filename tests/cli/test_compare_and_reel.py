"""``jaxarc compare`` and ``jaxarc reel``: a picture in a file, a table in the terminal."""

from __future__ import annotations

import pytest
from arc_run import TASK_IDS, record_arc_run
from typer.testing import CliRunner

from jaxarc.cli.app import app
from jaxarc.errors import EpisodeNotFoundError, JaxArcError, NotRecordedError, RenderError, StorageError
from jaxarc.replay import ReplaySystem


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """A run of two tasks."""
    return record_arc_run(tmp_path_factory.mktemp("compare"))


def call(*words: object) -> str:
    """Run a command; raise what it raises."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(result.exception, JaxArcError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(("suffix", "begins"), [("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_two_episodes_are_compared_in_the_format_of_the_file(run, suffix, begins, tmp_path):
    """The folder is made, and the table has both episodes."""
    out = tmp_path / "new" / f"two.{suffix}"
    said = call("compare", f"{run.run_dir}:0", f"{run.run_dir}:episode_0001", "--out", out)
    assert out.read_bytes().startswith(begins)
    assert "2 compared" in said
    assert str(out) in said.replace("\n", "")


def test_a_run_alone_stands_for_its_episodes(run, tmp_path):
    """As --where and --limit choose them; without --out the picture is in the run."""
    said = call("compare", run.run_dir, "--type", "outcome_by_task", "--where", "total_steps > 0")
    assert f"{len(run)} compared" in said
    assert (run.run_dir / "plots" / "compare-outcome_by_task.svg").is_file()
    assert "1 compared" in call("compare", run.run_dir, "--limit", 1, "--out", tmp_path / "one.svg")


def test_two_episodes_are_aligned(run, tmp_path):
    """The palette and the theme are those that are asked for; drawn again, the bytes are the same."""
    out = tmp_path / "aligned.svg"
    words = ("compare", f"{run.run_dir}:0", f"{run.run_dir}:1", "--align", "--theme", "dark", "--out", out)
    call(*words)
    first = out.read_bytes()
    assert b"Two episodes" in first
    assert b"#14171C" in first
    call(*words)
    assert out.read_bytes() == first


def test_a_reel_of_a_task_is_drawn(run, tmp_path):
    """Without a task the one with the most episodes is taken."""
    out = tmp_path / "reel.svg"
    assert f"task {TASK_IDS[1]}" in call("reel", run.run_dir, "--task", TASK_IDS[1], "--out", out)
    assert TASK_IDS[1] in out.read_text()
    assert any(f"task {task}" in call("reel", run.run_dir, "--out", out) for task in TASK_IDS)


MISTAKES = {
    "no such episode": (("compare", "{run}:999"), EpisodeNotFoundError, "no episode 999"),
    "no episode left": (("compare", "{run}", "--where", "total_steps < 0"), EpisodeNotFoundError, "where"),
    "another comparison": (("compare", "{run}", "--type", "outcomes"), RenderError, "did you mean outcome"),
    "one to align": (("compare", "{run}:0", "--align"), RenderError, "--align takes two episodes"),
    "another format": (("compare", "{run}:0", "--out", "a.gif"), RenderError, "must end in .svg, .png, .pdf"),
    "a folder": (("reel", "{run}", "--out", "{run}"), StorageError, "is a folder; give the file"),
    "another theme": (("reel", "{run}", "--theme", "dusk"), RenderError, "theme must be one of"),
    "another task": (("reel", "{run}", "--task", "x"), NotRecordedError, "no episode of task 'x'"),
}


@pytest.mark.parametrize(("words", "kind", "says"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_answered(run, words, kind, says):
    """The error says what was wrong and what there is."""
    with pytest.raises(kind, match=says):
        call(*(word.format(run=run.run_dir) for word in words))
