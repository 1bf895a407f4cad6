"""ExperimentTracker: whatever is said stands in the run's record, and nothing that is said breaks it."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import jaxarc
from jaxarc.config import Config, EpisodeConfig
from jaxarc.errors import RecorderClosedError, TrackingError
from jaxarc.records.clock import CLOCK
from jaxarc.tracking.experiment_tracker import ExperimentTracker

METRICS = {
    "python": 0.5,
    "numpy": np.float32(0.25),
    "whole": np.int64(7),
    "jax": jnp.float32(0.125),
    "one": jnp.ones(()),
    "nan": math.nan,
    "inf": -math.inf,
    "yes": True,
    "words": "high",
    "nothing": None,
    "array": np.arange(3),
    "object": object(),
    "huge": 10**400,
    "nested": {"a": 1.0, "b": {"c": 2.0}},
}


def config_in(folder: Path, **storage: object) -> Config:
    """Return a configuration whose runs live in a folder."""
    return Config(storage=EpisodeConfig(base_output_dir=str(folder), **storage))


def pixels(path: Path) -> np.ndarray:
    """Return a picture as an array."""
    with Image.open(path) as image:
        return np.asarray(image)


@dataclasses.dataclass
class Optimizer:
    """A part of somebody's parameters."""

    lr: float = 3e-4
    betas: tuple[float, float] = (0.9, 0.999)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> jaxarc.ReplaySystem:
    """A run in which everything was said once, or more often."""
    from matplotlib.figure import Figure
    from plotly.graph_objects import Figure as PlotlyFigure

    tracker = ExperimentTracker(config_in(tmp_path_factory.mktemp("runs")))
    params = {"optim": Optimizer(), "net": {"width": 64, "token": "abc", "pad_token": "<pad>"}, "empty": {}}
    with tracker.start_run(
        "my run/1", experiment="ppo", params=params, tags={"team": "a"}, parent_run_id="up-1"
    ):
        tracker.define_metric("loss", "update", direction="minimize")
        tracker.define_metric("val/*", "epoch", summary="max")
        tracker.log_metrics(METRICS, step=np.int32(3), epoch=1)
        for step, loss in ((1, 3.0), (2, 1.0), (3, 2.0), (2, 5.0)):
            tracker.log_metrics({"loss": loss}, step=jnp.int32(step), phase="train")
            tracker.log_metrics({"loss": loss + 10}, step=step, ctx={"phase": "val"})
        tracker.log_metrics({"val/a": 1.0})
        tracker.log_metrics({"val/a": 4.0})
        tracker.log_metrics({"val/a": 2.0})
        tracker.log_params(SimpleNamespace(seed=0))
        tracker.log_params({"seed": 1, "url": "https://me:secret@host/x"})
        tracker.log_summary({"eval": {"score": np.float64(0.9)}})
        tracker.add_tags(["good", "old"])
        tracker.remove_tags(["old", "never there"])
        tracker.update_description("what it is for")
        tracker.log_table("board", ["name", "score"], [["a", np.float32(1.5)], ["b", math.nan]], step=2)
        tracker.log_table("frame", rows=pd.DataFrame({"x": [1, 2], "y": ["p", "q"]}))
        tracker.log_table("columns", ["y"], {"x": np.arange(2), "y": [3, 4]})
        tracker.log_table("dicts", rows=[{"x": 1}, {"y": 2}])
        tracker.log_image("<pic>/../../x", np.zeros((4, 5, 3), np.uint8), step=7, caption="black")
        tracker.log_image("floats", jnp.linspace(0.0, 1.0, 6).reshape(2, 3))
        tracker.log_image("pillow", Image.new("RGB", (3, 2), "red"))
        figure = Figure()
        figure.add_subplot().plot([1, 2])
        tracker.log_figure("figure", figure, step=1)
        tracker.log_image("page", PlotlyFigure(layout={"title": "</script>"}), step=2)
        tracker.log_text("notes", "several\nlines", step=1)
        tracker.log_message("begun", seed=3)
        tracker.alert("diverged", "the loss is NaN", level="error", step=4)
        tracker.log_status(msg="on its way", current=5, total=100, unit="epoch")
        tracker.log_status("PAUSED")
        tracker.log_status("RUNNING")
    assert tracker.run_dir is not None
    return jaxarc.open(tracker.run_dir)


def test_numbers_of_python_numpy_and_jax_are_numbers_and_nothing_else_is_lost(run: jaxarc.ReplaySystem):
    """One rule for all scalars; NaN and infinities survive; what is no number stands beside the curve."""
    last = {series.key: series for series in run.metrics() if not series.ctx}
    values = {key: float(series.value[0]) for key, series in last.items()}
    assert [values[key] for key in ("python", "numpy", "whole", "jax", "one", "yes")] == [
        0.5, 0.25, 7, 0.125, 1, 1
    ]  # fmt: skip
    assert math.isnan(values["nan"])
    assert values["inf"] == -math.inf
    assert (values["nested/a"], values["nested/b/c"]) == (1, 2)
    others = {key: series.others[0] for key, series in last.items() if series.others}
    assert (others["words"], others["nothing"], others["array"]) == ("high", None, [0, 1, 2])
    assert others["object"].startswith("<object object")
    assert others["huge"] == 10**400
    assert float(last["whole"].step[0]) == 3
    assert float(last["whole"].epoch[0]) == 1


def test_train_and_validation_loss_are_two_series_and_a_step_that_goes_back_stays(run: jaxarc.ReplaySystem):
    """The context is a part of the key, and no point is dropped for its step."""
    train, val = run.metrics("loss", phase="train"), run.metrics("loss", phase="val")
    assert train.step.tolist() == val.step.tolist() == [1, 2, 3, 2]
    assert train.value.tolist() == [3, 1, 2, 5]
    with pytest.raises(KeyError, match="several series"):
        run.metrics("loss")
    with pytest.raises(KeyError, match="did you mean loss"):
        run.metrics("losss")


def test_the_summary_goes_by_what_was_declared_and_by_what_was_said(run: jaxarc.ReplaySystem):
    """A direction makes the best value the summary; it is never guessed."""
    summary = run.summary
    assert summary["loss (phase=train)"] == 1
    assert summary["val/a"] == 4
    assert summary["eval/score"] == 0.9
    assert summary["python"] == 0.5


def test_parameters_are_flat_the_last_value_counts_and_both_are_told(run: jaxarc.ReplaySystem):
    """Nested parameters of any kind have dotted names; secrets are left out."""
    assert run.params["optim.lr"] == 3e-4
    assert run.params["optim.betas"] == [0.9, 0.999]
    assert (run.params["net.width"], run.params["net.pad_token"], run.params["empty"]) == (64, "<pad>", {})
    assert run.params["net.token"] == "<redacted>"
    assert run.params["url"] == "https://<redacted>@host/x"
    assert run.params["seed"] == 1
    assert run.record().conflicts == {"seed": [0, 1]}


def test_the_run_says_who_it_is_and_where_it_comes_from(run: jaxarc.ReplaySystem):
    """run_start has the keys of the vocabulary, and the run file the environment."""
    start = run.record().starts[0][1]
    assert (start.name, start.experiment, start.parent_run_id) == ("my run/1", "ppo", "up-1")
    assert start.run_id == run.name
    assert run.run_dir.parent.name == "ppo"
    assert {"git_commit", "git_branch", "git_repo", "entrypoint"} <= set(start.source)
    assert start.env["python_version"] == run.info["versions"]["python"]
    assert start.env["devices"] == [], "asking JAX would begin it"
    assert run.info["devices"] == [str(jax.devices()[0])], "where a logged array lay is told at the end"
    assert run.tags == {"team": "a", "good": None, "description": "what it is for"}
    assert run.record().description == "what it is for"


def test_statuses_progress_and_the_end_are_in_the_record(run: jaxarc.ReplaySystem):
    """Each status the run had, and how it ended."""
    record = run.record()
    assert [said.status for _, said in record.statuses] == ["RUNNING", "PAUSED", "RUNNING"]
    assert record.progress == {"cur": 5, "total": 100, "unit": "epoch"}
    assert (run.status, record.status, run.experiment_status) == ("FINISHED",) * 3
    [(_, end)] = record.ends
    assert (end.status, end.error) == ("FINISHED", None)
    assert end.duration_ms
    assert not record.problems


def test_tables_of_any_kind_are_rows_of_plain_values(run: jaxarc.ReplaySystem):
    """Lists, data frames, columns and mappings."""
    tables = {table.key: table for table in run.record().tables}
    assert tables["board"].step == 2
    assert tables["board"].rows[0] == ["a", 1.5]
    assert math.isnan(tables["board"].rows[1][1])
    assert (tables["frame"].columns, tables["frame"].rows) == (["x", "y"], [[1, "p"], [2, "q"]])
    assert (tables["columns"].columns, tables["columns"].rows) == (["y"], [[3], [4]])
    assert tables["dicts"].rows == [[1, None], [None, 2]]


def test_pictures_lie_in_the_run_whatever_they_are_called(run: jaxarc.ReplaySystem):
    """Each file is where its event says, inside of the run, and what it is said to be."""
    media = {said.key: said for said in run.record().media}
    for said in media.values():
        path = (run.run_dir / said.path).resolve()
        assert path.is_relative_to(run.run_dir.resolve())
        assert path.is_file()
    black = media["<pic>/../../x"]
    assert (black.kind, black.step, black.caption) == ("image", 7, "black")
    assert pixels(run.run_dir / black.path).shape == (4, 5, 3)
    assert pixels(run.run_dir / media["floats"].path).tolist() == [[0, 51, 102], [153, 204, 255]]
    assert pixels(run.run_dir / media["pillow"].path)[0, 0].tolist() == [255, 0, 0]
    assert pixels(run.run_dir / media["figure"].path).shape == (480, 640, 4)
    assert (run.run_dir / media["notes"].path).read_text() == "several\nlines"
    page = media["page"]
    assert page.kind == "plotly"
    assert json.loads((run.run_dir / page.path).read_text())["layout"]["title"]["text"] == "</script>"
    html = run.run_dir / page.meta["page"]
    assert (html.parent / "plotly.min.js").is_file()
    assert "cdn" not in html.read_text()[:2000]


def test_messages_and_alerts_have_their_level_and_their_fields(run: jaxarc.ReplaySystem):
    """An alert is a message that backends may send."""
    begun, diverged = run.record().logs
    assert (begun.level, begun.msg, begun.fields) == ("INFO", "begun", {"seed": 3})
    assert (diverged.level, diverged.logger, diverged.fields) == ("ERROR", "alert", {"title": "diverged"})


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[ExperimentTracker]:
    """A tracker whose run has begun."""
    with ExperimentTracker(config_in(tmp_path)) as tracker:
        yield tracker


def test_what_the_caller_changes_afterwards_changes_nothing(tracker: ExperimentTracker):
    """Mappings, lists and NumPy arrays are copied when they are handed over."""
    array, metrics, nested = np.ones(3), {"a": 1.0}, {"inner": [1, 2]}
    picture = np.zeros((2, 2), np.uint8)
    tracker.log_metrics({"array": array, "nested": nested}, ctx=metrics)
    tracker.log_metrics(metrics)
    tracker.log_image("pic", picture)
    array[:], metrics["a"], picture[:] = 0, 9.0, 255
    nested["inner"].append(3)
    assert tracker.flush(10)
    run = jaxarc.open(tracker.run_dir)
    assert run.metrics("array").others[0] == [1, 1, 1]
    assert run.metrics("array").ctx == {"a": 1.0}
    assert run.metrics("nested/inner").others[0] == [1, 2]
    assert run.metrics("a").value.tolist() == [1]
    assert not pixels(run.run_dir / run.record().media[0].path).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: t.log_metrics([1.0]), "mapping from names to values, got a list"),
        (lambda t: t.log_metrics({"a": 1}, step="ten"), "step must be one number"),
        (lambda t: t.log_metrics({"a": 1}, step=np.ones(2)), "step must be one number"),
        (lambda t: t.log_params("lr=1"), "params must be a mapping"),
        (lambda t: t.define_metric("a", direction="down"), "minimize, maximize"),
        (lambda t: t.define_metric("a", summary="best"), "needs direction"),
        (lambda t: t.define_metric("a", summary="median"), "last, min"),
        (lambda t: t.log_table("a", ["x"], [[1, 2]]), "row 0 has 2 values for 1 columns"),
        (lambda t: t.log_table("a", rows=[[1]]), "need names of columns"),
        (lambda t: t.log_table("a", ["z"], {"x": [1]}), "no column z"),
        (lambda t: t.log_table("a", rows={"x": [1], "y": []}), "of one length"),
        (lambda t: t.log_table("a", ["x"], [[0]] * 1_000_001), "1,000,001 cells"),
        (lambda t: t.log_image("a", np.zeros((0, 3))), "must be"),
        (lambda t: t.log_image("a", np.zeros((2, 2, 7))), "must be"),
        (lambda t: t.log_image("a", b"GIF89a"), "PNG file"),
        (lambda t: t.log_image("a", "/nowhere/x.png"), "cannot be read"),
        (lambda t: t.log_image("a", 3), "is a int"),
        (lambda t: t.log_figure("a", 3), "Matplotlib or of Plotly"),
        (lambda t: t.log_media("a", __file__), "files that are shown"),
        (lambda t: t.log_message("a", level="loud"), "level must be"),
        (lambda t: t.log_status("FINISHED"), "end_run"),
        (lambda t: t.log_status("SCHEDULED"), "cannot become SCHEDULED"),
        (lambda t: t.end_run("LOST"), "FINISHED, FAILED, KILLED"),
        (lambda t: t.start_run(), "end_run first"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mistake_of_the_caller_is_told_at_once(tracker: ExperimentTracker, call, words: str):
    """What cannot be meant is refused by the call, with the value and what to do."""
    with pytest.raises(TrackingError, match=words):
        call(tracker)


def test_media_in_the_run_stay_where_they_are_and_others_are_copied(
    tracker: ExperimentTracker, tmp_path: Path
):
    """A film that somebody made elsewhere is the run's own afterwards."""
    assert tracker.run_dir is not None
    outside, inside = tmp_path / "film.mp4", tracker.run_dir / "video" / "mine.mp4"
    outside.write_bytes(b"film")
    inside.parent.mkdir()
    inside.write_bytes(b"mine")
    tracker.log_media("film", outside, step=1)
    tracker.log_image("mine", inside)
    outside.unlink()
    tracker.flush(10)
    film, mine = sorted(jaxarc.open(tracker.run_dir).record().media, key=lambda said: said.key)
    assert (tracker.run_dir / film.path).read_bytes() == b"film"
    assert (film.kind, mine.kind, mine.path) == ("video", "video", "video/mine.mp4")


def test_a_run_that_ended_takes_no_more_and_another_begins(tmp_path: Path):
    """After the end a call says so; the tracker can begin another run, of another directory."""
    tracker = ExperimentTracker(config_in(tmp_path))
    with pytest.raises(TrackingError, match="call start_run first"):
        tracker.log_metrics({"a": 1})
    first = tracker.start_run("a").run_dir
    tracker.end_run()
    tracker.end_run()
    with pytest.raises(RecorderClosedError, match="start_run begins another"):
        tracker.log_metrics({"a": 1})
    second = tracker.start_run("a").run_dir
    tracker.end_run("KILLED")
    assert first != second
    assert [jaxarc.open(each).status for each in (first, second)] == ["FINISHED", "KILLED"]


def test_a_run_goes_on_in_a_new_attempt_with_what_it_had(tmp_path: Path):
    """resume= keeps the record and adds to it; the status of the attempt counts."""
    tracker = ExperimentTracker(config_in(tmp_path))
    with suppress(ValueError), tracker.start_run("a", params={"lr": 1}):
        tracker.log_metrics({"loss": 2.0}, step=0)
        raise ValueError("half way")
    failed = jaxarc.open(tracker.run_dir)
    error = failed.record().ends[0][1].error
    assert (error["type"], error["message"]) == ("ValueError", "half way")
    assert "test_experiment_tracker.py" in error["traceback"]
    assert failed.info["error"] == error
    with tracker.start_run(resume=failed):
        tracker.log_metrics({"loss": 1.0}, step=1)
    run = jaxarc.open(tracker.run_dir)
    assert run.run_dir == failed.run_dir
    assert (run.status, run.info["attempt"]) == ("FINISHED", 2)
    assert run.metrics("loss").value.tolist() == [2, 1]
    assert run.params == {"lr": 1}


def test_secrets_of_the_command_line_and_of_the_configuration_are_not_in_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Keys, tokens and users in addresses are left out of run.json and of config/."""
    argv = ["train.py", "--api-key", "k-1", "--wandb-token=k-2", "password=k-3", "--lr", "1", "db://u:k-4@h"]
    monkeypatch.setattr(sys, "argv", argv)
    logging = dataclasses.replace(Config().logging, mlflow={"tracking_uri": "http://u:k-5@host"})
    config = dataclasses.replace(config_in(tmp_path), logging=logging)
    with ExperimentTracker(config) as tracker:
        pass
    text = "".join(path.read_text() for path in tracker.run_dir.rglob("*.json*"))
    assert not [secret for secret in ("k-1", "k-2", "k-3", "k-4", "k-5") if secret in text]
    assert jaxarc.open(tracker.run_dir).info["argv"][5:7] == ["--lr", "1"]


def test_a_recorders_tracker_writes_into_its_run_and_does_not_end_it(tmp_path: Path):
    """Params and metrics stand beside the episodes, and the recorder says how the run ended."""
    with jaxarc.Recorder(config_in(tmp_path)) as recorder:
        with recorder.tracker.start_run("ignored", params={"lr": 1}, tags=["x"]) as tracker:
            tracker.log_metrics({"loss": 1.0}, step=0)
        tracker.end_run("FAILED")
        assert tracker.run_dir == recorder.run_dir
        recorder.tracker.log_summary({"score": 2})
        recorder.flush()
        assert jaxarc.open(recorder.run_dir).status == "RUNNING"
    run = jaxarc.open(recorder.run_dir)
    assert (run.status, run.params, run.summary) == ("FINISHED", {"lr": 1}, {"loss": 1, "score": 2})
    with pytest.raises(RecorderClosedError):
        recorder.tracker.log_metrics({"loss": 1.0})


def test_what_cannot_be_drawn_is_counted_and_costs_nothing_else(tracker: ExperimentTracker):
    """An image that fails on the writer thread is in health(); what follows is recorded."""
    broken = SimpleNamespace(shape=(2, 2), dtype=np.dtype(np.uint8), nbytes=4)
    tracker.log_image("broken", broken)
    tracker.log_metrics({"after": 1.0})
    tracker.flush(10)
    assert tracker.health().errors == 1
    assert jaxarc.open(tracker.run_dir).metrics("after").value.tolist() == [1]


def test_a_clock_that_is_set_back_changes_no_order(tracker: ExperimentTracker):
    """Events of a writer stay in its order, whatever the time of day does."""
    for step in range(3):
        tracker.log_metrics({"loss": float(step)}, step=step)
    tracker.flush(10)
    stamps = jaxarc.open(tracker.run_dir).metrics("loss").timestamp_us
    assert (np.diff(stamps) >= 0).all()
    assert abs(int(stamps[-1]) - CLOCK.now_ns() // 1000) < 60_000_000


def test_bytes_of_a_png_and_of_a_path_are_the_same_picture(tracker: ExperimentTracker, tmp_path: Path):
    """A file and its content lead to one file in the run."""
    file = io.BytesIO()
    Image.new("L", (2, 2)).save(file, "PNG")
    (tmp_path / "a.png").write_bytes(file.getvalue())
    tracker.log_image("a", file.getvalue(), step=1)
    tracker.log_image("a", tmp_path / "a.png", step=1)
    tracker.flush(10)
    first, second = jaxarc.open(tracker.run_dir).record().media
    assert first.path == second.path
