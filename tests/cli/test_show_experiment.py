"""``jaxarc show`` of a run that is tracked: what it is for, what it logged, how it fares."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import typed_in
from written_runs import an_experiment, write_run

import jaxarc
from jaxarc.config import Config, EpisodeConfig
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import ExperimentEvent, MetricBatch
from jaxarc.tracking import Feed
from jaxarc.tracking.experiment_tracker import ExperimentTracker
from jaxarc.tracking.tensorboard_backend import TensorBoardBackend
from jaxarc.visualization import report_page


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, which failed and has odd names."""
    folder = tmp_path_factory.mktemp("runs")
    tracker = ExperimentTracker(Config(storage=EpisodeConfig(base_output_dir=str(folder))))
    params = {f"p{number}": number for number in range(20)}
    with suppress(ValueError), tracker.start_run("odd \x1b[31m[red]name", params=params, tags=["a\nb"]):
        tracker.update_description("<script> " * 100)
        tracker.log_metrics({"loss": 0.123456789, "words": "x" * 300}, step=1, phase="train")
        tracker.log_metrics({"loss": float("nan")}, step=1, phase="val")
        tracker.log_params({"p0": 7})
        tracker.log_message("loss[1] is <nan>", "ERROR", step=4)
        for number in range(12):
            tracker.log_message(f"number {number}", "WARNING" if number else "INFO")
        tracker.log_status("PAUSED", "waits for a machine", current=5, total=100, unit="epoch")
        raise ValueError("no\nway on")
    return folder


def test_a_run_says_what_it_is_for_what_it_logged_and_what_ended_it(runs: Path):
    """Every line is short, and nothing of it acts on the terminal."""
    shown = typed_in(runs, "show", "latest", "--root", runs, COLUMNS="80").stdout
    assert "\x1b[31m" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    words = " ".join(shown.split())
    for expected in (
        "error ValueError: no way on",
        "tags a b",
        "progress 5 of 100 epochs, waits for a machine",
        "p1 1, p2 2, p3 3, p4 4, p5 5, p6 6, p7 7 and 12 more",
        "loss (phase=train) 0.123457",
        "loss (phase=val) nan",
        "p0 was given 2 values, 7 is the last",
        "warning step 4: loss[1] is <nan> warning number 1 warning number 2",
        "and 9 more: run.record().warnings",
    ):
        assert expected in words


def test_metrics_of_members_are_a_line_each_and_trackers_say_where_they_show_it(tmp_path: Path):
    """However many seeds there are: their mean, and how far they are apart; where W&B has the run."""
    said: list[ExperimentEvent | Event] = [
        MetricBatch(
            metrics={"loss": value, "entropy": 1.0}, step=3, ctx={"stream": "train", "member": member}
        )
        for member, value in enumerate([*range(63), float("nan")])
    ]
    said.append(MetricBatch(metrics={"loss": 31.0}, step=3, ctx={"stream": "train", "agg": "mean"}))
    run_dir = write_run(tmp_path / "exp" / "seeds", said)
    (run_dir / "trackers").mkdir()
    cursor = {
        "backend": "wandb",
        "sent": 65,
        "refused": 1,
        "closed": "",
        "ticket": {"shown_at": "https://x.y"},
    }
    (run_dir / "trackers" / "wandb.json").write_text(json.dumps(cursor))
    (run_dir / "trackers" / "damaged.json").write_text("{")
    lines = typed_in(tmp_path, "show", run_dir, COLUMNS="120").stdout.splitlines()
    at = next(index for index, line in enumerate(lines) if "metrics" in line)
    assert lines[at].split(maxsplit=1)[1] == "loss 31, 64 members 0 to 62, 1 not finite"
    assert lines[at + 1].strip() == "entropy 1, 64 members 1 to 1"
    assert (
        "wandb  65 records sent; 1 refused; not all of them: jaxarc sync seeds --to wandb; https://x.y"
        in (" ".join(line.strip() for line in lines))
    )


def test_the_report_begins_with_what_the_run_warned_of(runs: Path):
    """What went beyond its limits, what was not finite, which builder failed: ten, and how many more."""
    page = report_page(jaxarc.open("latest", runs))
    assert page.index("12 warnings") < page.index("<main>")
    for expected in ("loss[1] is &lt;nan&gt;", "step 4", "number 9", "and 2 more"):
        assert expected in page
    assert "number 0" not in page


def test_a_run_with_very_many_metrics_is_shown_without_them(runs: Path, monkeypatch: pytest.MonkeyPatch):
    """A glance stays a glance: params, tags and the error are there, and where the metrics are."""
    monkeypatch.setattr("jaxarc.cli.experiment_facts._MOST_EVENT_BYTES", 100)
    words = " ".join(typed_in(runs, "show", "latest", "--root", runs).stdout.split())
    assert "p1 1, p2 2" in words
    assert "more than fit a glance" in words
    said = json.loads(typed_in(runs, "show", "latest", "--root", runs, "--json").stdout)
    assert (said["metrics"], said["params"]["p1"]) == (None, 1)


def test_the_same_is_in_one_json_document(runs: Path):
    """Series with their context, NaN as null, and the error with its traceback."""
    said = json.loads(typed_in(runs, "show", "latest", "--root", runs, "--json").stdout)
    assert (said["status"], said["said_status"]) == ("FAILED", "FAILED")
    assert said["error"]["message"] == "no\nway on"
    assert said["params"]["p0"] == 7
    assert {"key": "loss", "ctx": {"phase": "val"}, "values": 1, "last": None} in said["metrics"]
    assert said["progress"] == {"cur": 5, "total": 100, "unit": "epoch"}
    assert said["tags"] == {"a\nb": None}


def test_a_tracker_that_never_answered_is_named_with_the_way_to_send_it_the_run(tmp_path: Path):
    """It noted nothing: the run's configuration says that it was asked for. One that was left is not done."""
    config = {"logging": {"trackers": ["mlflow", "tensorboard", "null"]}}
    run_dir = write_run(tmp_path / "a", an_experiment(), config=config)
    with Feed(run_dir, TensorBoardBackend()) as feed:
        assert feed.advance(limit=4) == 4
        feed.cursor.closed = "RUNNING"
        feed.cursor.save()
    words = " ".join(typed_in(tmp_path, "show", run_dir).stdout.split())
    assert "mlflow nothing sent: jaxarc sync a --to mlflow tensorboard 4 records sent; not all" in words
    assert "null" not in words
