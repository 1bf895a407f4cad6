"""A run shows itself in a notebook: what it is, how it went, what is missing, what to ask next."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from notebook_pages import without_frames
from painted_run import record_painted_run

import jaxarc
from jaxarc.replay import ReplaySystem, run_display
from jaxarc.replay.run_display import run_html, runs_html


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Three episodes, of which two are solved."""
    return record_painted_run(tmp_path_factory.mktemp("run"), (3, 5, 2))


def words_of(html: str) -> str:
    """Return what is read of a cell."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", without_frames(html)))


def test_a_run_says_what_it_holds_and_what_to_ask_next(run: ReplaySystem) -> None:
    """Counts, success and returns of its episodes, its curve, and calls that work as they are written."""
    shown = run._repr_html_()
    words = words_of(shown)
    for said in (
        "FINISHED",
        "Episodes 3",
        "with stored steps 3 10 steps",
        "Solved 2 66.7%",
        "Nothing was lost",
    ):
        assert said in words, words
    assert "data:image/svg+xml" in shown
    hints = re.findall(r"<code>(run\.[^<]+)</code>", shown)
    assert hints[0] == "run.episodes()"
    for hint in hints:
        if "explain" not in hint:
            eval(hint.replace("&#39;", "'"), {"run": run})


def test_notes_and_pins_stand_in_a_cell(tmp_path: Path) -> None:
    """The latest notes, as text whatever they hold, and how many episodes are pinned."""
    run = record_painted_run(tmp_path, (3, 2))
    for text in ("one", "two", "three", "<script>four</script>"):
        run.note(text, episode=1)
    run.pin(0)
    shown = run._repr_html_()
    words = words_of(shown)
    assert "<script" not in shown
    assert "episode 1: &lt;script&gt;four" in words
    assert "4 notes;" in words
    assert "1: one" not in words
    assert "1 pinned" in words


def test_several_runs_are_a_line_each(run: ReplaySystem) -> None:
    """Name, status, counts, and the mean return of what ended."""
    words = words_of(runs_html([run, run]))
    assert "2 runs" in words
    assert words.count(run.name) == 2
    assert f"FINISHED 3 3 2 {10 / 3:.3f}" in words
    assert "0 runs" in words_of(runs_html([]))


def test_a_running_run_says_so(tmp_path: Path) -> None:
    """While it is written, it counts what is committed; without an episode there is nothing to ask."""
    settings = {
        "storage": {"base_output_dir": str(tmp_path), "run_name": "<b>mine"},
        "visualization": {"live": {"enabled": False}, "report": False},
    }
    with jaxarc.Recorder(settings) as recorder:
        assert recorder.run_dir is not None
        shown = jaxarc.open(recorder.run_dir)._repr_html_()
    words = words_of(shown)
    assert "RUNNING" in words
    assert "It is being written" in words
    assert "It has no episode yet" in words
    assert "<b>" not in shown


def test_problems_are_listed_and_the_rest_is_shown(tmp_path: Path) -> None:
    """A damaged run.json makes a run LOST; its episodes are there all the same, and what is wrong is said."""
    run = record_painted_run(tmp_path, (3, 2))
    (run.run_dir / "run.json").write_text("{")
    words = words_of(jaxarc.open(run.run_dir)._repr_html_())
    assert "LOST" in words
    assert "run.json" in words
    assert "Episodes 2" in words


def test_losses_are_counted_in_words(tmp_path: Path) -> None:
    """What a run said it lost stands under its numbers."""
    run = record_painted_run(tmp_path, (3,))
    file = run.run_dir / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "losses": {"dropped_steps": 1234}}))
    assert "lost: 1,234 dropped steps" in words_of(jaxarc.open(run.run_dir)._repr_html_())


def test_a_run_of_very_many_episodes_is_not_looked_through(
    run: ReplaySystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says how many there are."""
    monkeypatch.setattr(run_display, "_MOST_EPISODES", 2)
    words = words_of(run_html(run))
    assert "3 episodes; with so many" in words
