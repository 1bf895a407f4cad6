"""Diagnostics in a run: rows and findings are in its record, on disk before anything raises, and drawn."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import jax.numpy as jnp
import numpy as np
import pytest

import jaxarc
from jaxarc.diagnostics import DiagnosticsRecorder
from jaxarc.diagnostics.history import History
from jaxarc.errors import DiagnosticsError
from jaxarc.records.diagnostic_pictures import DiagnosticPanel, DiagnosticPicture
from jaxarc.records.events import decode_event
from jaxarc.rendering import Style
from jaxarc.rendering.diagnostic_plot import render_diagnostics
from jaxarc.tracking.experiment_tracker import ExperimentTracker

CONFIG = {
    "thresholds": {"t/max": {"max": 4.0, "action": "alert"}, "energy": {"max": 100.0, "action": "raise"}},
    "statistics": ["max", "mean", "std", "nan"],
}


def test_what_raises_is_on_disk_before_it_is_raised(run_root: Path, caplog: pytest.LogCaptureFixture):
    """Caught in the loop, while the run goes on: the row and the findings can be read in the run's file."""
    with ExperimentTracker([f"storage.base_output_dir={run_root}"]).start_run("field") as tracker:
        recorder = DiagnosticsRecorder(
            CONFIG, functions={"energy": lambda state: (state["t"] ** 2).sum()}, tracker=tracker
        )
        for step in range(11):
            recorder.measure(step, {"t": jnp.array([float(step), 0.0])})
        with pytest.raises(DiagnosticsError, match="energy is 121, above 100") as raised:
            recorder.measure(11, {"t": jnp.array([11.0, 0.0])})
        assert tracker.run_dir is not None
        (path,) = tracker.run_dir.glob("events/*.jsonl")
        lines = path.read_bytes().splitlines()
        events = [decode_event(line) for line in lines]
        rows = [event.payload for event in events if event.type == "metric_batch"]
        assert [row["step"] for row in rows] == list(range(12))
        assert rows[-1]["step"] == raised.value.step == 11
        assert rows[-1]["metrics"] == raised.value.row
        plots = recorder.write_plots(tracker.run_dir)
    run = jaxarc.open(tracker.run_dir)
    assert run.record().series("t/max").value.tolist() == list(range(12))
    found = [(entry.step, entry.level, entry.fields.get("alert")) for entry in run.record().logs]
    assert found == [(5, "ERROR", True), (11, "ERROR", True)]
    assert [media.path for media in run.record().media] == [
        "diagnostics/totals.svg",
        "diagnostics/leaves.svg",
    ]
    assert all(ElementTree.parse(path).getroot().tag.endswith("svg") for path in plots)
    assert "t/max is 5, above 4" in caplog.text


def test_a_run_says_where_a_loop_first_was_not_finite(run_root: Path):
    """The record reads back what was located."""
    with ExperimentTracker([f"storage.base_output_dir={run_root}"]).start_run("field") as tracker:
        recorder = DiagnosticsRecorder({"non_finite": "record"}, tracker=tracker)
        for step in range(3):
            recorder.measure(step, {"t": np.array([1.0, np.inf if step else 2.0])})
    assert tracker.run_dir is not None
    (place,) = jaxarc.open(tracker.run_dir).record().non_finite
    assert place == recorder.found[0]
    assert str(place) == "t[1] is inf at step 1"


def test_plots_are_left_out_where_nothing_was_measured_or_nobody_wants_them(tmp_path: Path):
    """No file, and no empty folder."""
    assert DiagnosticsRecorder().write_plots(tmp_path) == []
    unwanted = DiagnosticsRecorder({"plots": False})
    unwanted.measure(0, {"t": jnp.ones(2)})
    assert unwanted.write_plots(tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_a_long_run_keeps_few_rows_and_those_where_something_begins():
    """Of ever more rows every second goes; the first of a breach is taken whenever it comes."""
    recorder = DiagnosticsRecorder({"history": 4})
    for step in range(20):
        recorder.measure(step, {"t": np.ones(2)})
    assert [row.step for row in recorder.history.rows] == [0, 8, 16]
    history = History(100)
    for step in range(10_000):
        history.add(step, {"x": step}, ["x"] if step >= 9_001 else [], is_finite=step < 9_501)
    steps = [row.step for row in history.rows]
    assert len(steps) <= 100
    assert steps == sorted(steps)
    assert 9_001 in steps
    assert 9_501 in steps


def test_diagnostics_of_any_values_and_names_are_drawn_alike_each_time():
    """NaN, infinities, one step, a threshold, powers of ten and odd names: valid SVG, the same bytes."""
    steps = np.arange(50.0)
    panels = [
        DiagnosticPanel("<script>alert('🦊')</script>" * 9, steps, {"a": 10.0 ** (steps / 5)}, is_log=True),
        DiagnosticPanel("nothing", steps, {"a": np.full(50, np.nan)}),
        DiagnosticPanel("one", steps[:1], {"a": np.array([np.inf])}),
        DiagnosticPanel("limit", steps, {"a": steps, "b": -steps}, None, [30.0], [31.0, 32.0]),
        DiagnosticPanel("huge", steps, {"a": steps * 1e306}, (steps - 1, steps + 1)),
    ]
    picture = DiagnosticPicture("Diagnostics", panels, "words & more", 48.0, 3)
    for theme in ("light", "dark"):
        svg = render_diagnostics(picture, Style(theme=theme))
        assert svg == render_diagnostics(picture, Style(theme=theme))
        ElementTree.fromstring(svg)
        assert "<script" not in svg
        assert not re.search(r'[" ](nan|inf|-inf)\b', svg)
        assert "not finite from step 48" in svg
        assert "and 3 more" in svg
    assert "nothing was measured" in render_diagnostics(DiagnosticPicture("Diagnostics"))
