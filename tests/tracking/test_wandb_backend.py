"""What a run says is in W&B where its users look for it: offline files, read back."""

from __future__ import annotations

import math
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from offline_wandb import OfflineRun, offline_runs, only_here
from PIL import Image
from written_runs import an_experiment, write_run

from jaxarc.config.wandb import WandbConfig
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import (
    Artifact,
    ArtifactRemoved,
    Checkpoint,
    DefineMetric,
    ExperimentEvent,
    Log,
    Media,
    MetricBatch,
    Param,
    Table,
    Tag,
)
from jaxarc.replay import ReplaySystem
from jaxarc.replay.experiment import ExperimentRecord
from jaxarc.storage.event_log import EventLog
from jaxarc.tracking import Feed, RunInfo, sync_run, wandb_session
from jaxarc.tracking.wandb_backend import WandbBackend
from jaxarc.tracking.wandb_files import artifact_of, was_removed

pytest.importorskip("wandb")


@pytest.fixture(autouse=True, scope="module")
def _offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No key, no network, and no file of W&B outside the test's own directories."""
    with only_here(tmp_path_factory.mktemp("home")):
        yield


def shown(run_dir: Path, **settings: Any) -> dict[str, OfflineRun]:
    """Send a run to W&B and return what its offline files say, by what follows the run's id."""
    backend = WandbBackend(WandbConfig(**settings))
    sync_run(run_dir, backend)
    return {key.removeprefix(run_dir.name): run for key, run in offline_runs(run_dir).items()}


def everything(run_dir: Path) -> list[ExperimentEvent | Event]:
    """Return what a run says that has one of everything; writes the files that it names."""
    run_dir.mkdir(parents=True)
    Image.fromarray(np.zeros((900, 1600, 3), np.uint8)).save(run_dir / "large.png")
    (run_dir / "board.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/></svg>'
    )
    (run_dir / "broken.svg").write_text("no picture")
    (run_dir / "replay.html").write_text("<p>a player</p>")
    (run_dir / "notes.txt").write_text("<script>alert(1)</script>")
    (run_dir / "weights.bin").write_bytes(b"12345")
    return [
        *an_experiment(),
        Param(key="net.depth", value=3, nested_key=["net", "depth"]),
        Param(key="lr", value=0.02),
        Tag(tags={"new": None, "description": "what it is for"}, removed=["kind"]),
        Table(key="leaders", columns=["name", "score"], rows=[["a", 1.5], ["b", None], [3, "odd"]]),
        Media(key="pictures/board", kind="image", path="board.svg", caption="a board", step=4),
        Media(key="pictures/large", kind="image", path="large.png"),
        Media(key="player", kind="html", path="replay.html", meta={"episode": 7}),
        Media(key="notes", kind="text", path="notes.txt"),
        Media(key="gone", kind="image", path="gone.png"),
        Media(key="out", kind="html", path="../../x.html"),
        Media(key="broken", kind="image", path="broken.svg"),
        Artifact(
            path="weights.bin", type="weights", name="my weights", meta={"aliases": ["best"], "tags": ["t"]}
        ),
        Checkpoint(path="weights.bin", step=3, is_best=True, metrics={"loss": 0.2}),
        Artifact(path="gone.bin", type="weights", name="gone"),
        Log(level="WARNING", msg="it is slow", logger="alert", fields={"title": "Slow"}),
        Log(level="INFO", msg="just said"),
    ]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that says one of everything."""
    path = tmp_path_factory.mktemp("root") / "exp" / "one"
    return write_run(path, everything(path))


@pytest.fixture(scope="module")
def whole(run_dir: Path) -> OfflineRun:
    """What W&B has of it."""
    found = shown(run_dir, project_name="boards", tags=["mine"], notes="a try")
    assert list(found) == [""]
    return found[""]


def test_series_are_in_wandb_value_by_value(whole: OfflineRun, run_dir: Path) -> None:
    """Train and validation are two; steps, NaN, infinities, text and the times of the record are there."""
    record = ExperimentRecord(ReplaySystem(run_dir).events())
    for phase in ("train", "validation"):
        series = record.series("loss", phase=phase)
        pairs = list(zip(series.step.tolist(), series.value.tolist(), strict=True))
        assert whole.series(f"{phase}/loss", "step") == pairs
        stamps = [round(row["_timestamp"] * 1e6) for row in whole.history if f"{phase}/loss" in row]
        assert stamps == pytest.approx(series.timestamp_us.tolist(), abs=2)
    assert math.isnan(whole.series("odd")[0])
    assert (whole.series("word", "step"), whole.series("large")) == ([(9, "high")], [math.inf])


def test_no_step_is_sent_and_axes_are_defined(whole: OfflineRun) -> None:
    """W&B counts its rows itself; each metric knows its axis, and its summary by its definition."""
    assert [row["_step"] for row in whole.history] == list(range(len(whole.history)))
    assert whole.metrics["train/loss"].step_metric == "step"
    assert whole.metrics["train/loss"].summary.min
    assert whole.metrics["jaxarc_sent/*"].options.hidden


def test_params_summary_and_tags_are_in_three_places(whole: OfflineRun) -> None:
    """Of a parameter said twice the last counts; what stands beside a nested one stays."""
    assert (whole.config["lr"], whole.config["net"]) == (0.02, {"width": 64, "depth": 3})
    assert whole.config["environment"]["hostname"] == "somewhere"
    assert whole.summary["final"] == 0.2
    assert "final" not in whole.keys
    assert whole.tags == ("mine", "good", "new")
    assert (whole.project, whole.group, whole.exit_code) == ("boards", whole.id, 0)


def test_tables_media_and_files_are_in_three_places(whole: OfflineRun, run_dir: Path) -> None:
    """Pictures are small enough PNG, pages are pages, text is escaped, artifacts have aliases."""
    picture = whole.series("pictures/board", "step")[0]
    assert (picture[0], picture[1]["_type"], picture[1]["caption"]) == (4, "image-file", "a board")
    large = whole.series("pictures/large")[0]
    assert (large["width"], large["height"]) == (800, 450)
    page = whole.series("player", "episode")[0]
    assert (page[0], page[1]["_type"]) == (7, "html-file")
    assert (whole.folder / "files" / page[1]["path"]).read_text() == "<p>a player</p>"
    notes = (whole.folder / "files" / whole.series("notes")[0]["path"]).read_text()
    assert "&lt;script&gt;" in notes
    assert "<script>" not in notes
    table = whole.series("leaders")[0]
    assert (table["_type"], table["nrows"], table["ncols"]) == ("table-file", 3, 2)
    mine = {name: (kind, set(aliases)) for name, kind, aliases, _ in whole.artifacts if kind != "run_table"}
    assert mine == {
        "my-weights": ("weights", {"latest", "best"}),
        "checkpoint": ("model", {"latest", "best"}),
    }
    assert whole.alerts == [("Slow", "it is slow", "WARN")]


def test_what_cannot_be_shown_is_counted_and_named(run_dir: Path, whole: OfflineRun) -> None:
    """A missing file and one outside the run are refused one by one; the rest is there."""
    del whole
    with Feed(run_dir, WandbBackend(WandbConfig())) as feed:
        reasons = [each["error"] for each in feed.cursor.refusals]
    assert len(reasons) == 4
    assert "no file gone.png" in reasons[0]
    assert "leaves the run's directory" in reasons[1]
    assert "broken.svg cannot be drawn" in reasons[2]
    assert "no file gone.bin" in reasons[3]


def test_only_files_of_the_run_are_uploaded(tmp_path: Path) -> None:
    """What lies elsewhere on this machine, or on another, is a reference and nothing more."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    for path in (tmp_path / "secret.bin", run_dir / "own.bin"):
        path.write_bytes(b"content")
    backend = WandbBackend(WandbConfig(mode="disabled", log_artifacts=True))
    backend.open(RunInfo(run_dir=run_dir, run_id="run", name="run", experiment="", created_us=0))
    paths = {"own": "own.bin", "outside": str(tmp_path / "secret.bin"), "bucket": "s3://bucket/weights.bin"}
    made = {
        name: artifact_of(Artifact(path=path, type="t", name=name), backend)[0]
        for name, path in paths.items()
    }
    entries = {name: next(iter(each.manifest.entries.values())) for name, each in made.items()}
    assert (entries["own"].ref, entries["own"].size) == (None, 7)
    assert (entries["outside"].ref, entries["outside"].local_path) == (Path(paths["outside"]).as_uri(), None)
    assert Path(str(entries["bucket"].local_path)).read_text() == "s3://bucket/weights.bin\n"


def test_a_checkpoint_that_the_run_removed_is_no_fault(tmp_path: Path) -> None:
    """Keeping the last few is what was asked for; a file that went otherwise is one."""
    removed, lost = (Checkpoint(path=f"{name}.ckpt", step=0) for name in ("removed", "lost"))
    run_dir = write_run(tmp_path / "run", [removed, ArtifactRemoved(name="checkpoint", path="removed.ckpt")])
    assert was_removed(removed, run_dir)
    assert not was_removed(lost, run_dir)


def test_a_server_that_cannot_be_reached_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before W&B takes the id of the run, which it would hold for good: later tries can succeed."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ConnectionError, match=f"W&B cannot be reached at {address}"):
        wandb_session._reach(address)
    began: list[str] = []

    def refuse(asked: str) -> None:
        began.append(asked)
        raise ConnectionError

    monkeypatch.setattr(wandb_session, "_reach", refuse)
    info = RunInfo(run_dir=tmp_path, run_id="run", name="run", experiment="", created_us=0)
    with pytest.raises(ConnectionError):
        wandb_session.begin_run(info, WandbConfig(), "online")
    assert (len(began), list(tmp_path.iterdir())) == (1, [])


def members(num_members: int, num_steps: int = 3) -> list[ExperimentEvent | Event]:
    """Return what ``recorder.log`` says of several members, and their mean."""
    said: list[ExperimentEvent | Event] = [Param(key="lr", value=0.1), Tag(tags={"ppo": None})]
    for update in range(num_steps):
        for member in range(num_members):
            said.append(
                MetricBatch(
                    metrics={"loss": 10.0 * member + update},
                    step=update,
                    ctx={"stream": "train", "member": member},
                    more={"env_step": 100 * (update + 1), "members": num_members},
                )
            )
    return said


def test_every_member_has_a_run_of_its_own_in_one_group(tmp_path: Path) -> None:
    """Their losses stand over environment steps, with the update beside; params and tags are in each."""
    found = shown(write_run(tmp_path / "exp" / "three", members(3)))
    assert list(found) == ["", "-m0", "-m1", "-m2"]
    assert {run.group for run in found.values()} == {"three"}
    for member in range(3):
        run = found[f"-m{member}"]
        assert run.series("train/loss", "env_step") == [
            (100 * (update + 1), 10.0 * member + update) for update in range(3)
        ]
        assert run.series("update") == [0, 1, 2]
        assert run.metrics["train/loss"].step_metric == "env_step"
        assert (run.config["lr"], run.config["member"], run.tags) == (0.1, member, ("ppo",))
    assert found[""].keys == set()


def test_one_member_is_just_one_run(tmp_path: Path) -> None:
    """Nothing is said twice where there is nobody else."""
    found = shown(write_run(tmp_path / "exp" / "single", members(1)))
    assert list(found) == [""]
    assert found[""].series("train/loss", "env_step") == [(100, 0.0), (200, 1.0), (300, 2.0)]


def test_a_run_that_turns_out_to_have_members_is_written_anew(tmp_path: Path) -> None:
    """Member 0 came alone at first: in the end every member has its own run, whole, and none has two."""
    said = members(2)
    for each in said:
        if isinstance(each, MetricBatch):
            object.__setattr__(each, "more", {"env_step": each.more["env_step"]})
    run_dir = write_run(tmp_path / "exp" / "late", said[:3])
    backend = WandbBackend(WandbConfig())
    feed = Feed(run_dir, backend)
    assert feed.advance() == 3
    log = EventLog(run_dir / "events" / "p000-000002.jsonl", "p000")
    for each in said[3:]:
        log.append(each if isinstance(each, Event) else each.event())
    log.close()
    feed.finish("FINISHED")
    found = offline_runs(run_dir)
    assert list(found) == ["late", "late-m0", "late-m1"]
    assert found["late-m0"].series("train/loss") == [0.0, 1.0, 2.0]
    assert found["late"].keys == set()


def test_syncing_twice_and_after_a_crash_changes_nothing(tmp_path: Path) -> None:
    """Files that a crash left half written are written anew, from what the run says."""
    said = an_experiment()
    run_dir = write_run(tmp_path / "exp" / "again", said[:6])
    crashed = WandbBackend(WandbConfig())
    with Feed(run_dir, crashed) as feed:
        assert feed.advance() > 0
    for run in crashed.runs:
        run.finish()
    log = EventLog(run_dir / "events" / "p000-000002.jsonl", "p000")
    for each in said[6:]:
        log.append(each if isinstance(each, Event) else each.event())
    log.close()
    first = shown(run_dir)[""]
    assert [step for step, _ in first.series("train/loss", "step")] == [0, 1, 2, 3, 4]
    again = shown(run_dir)[""]
    assert again.folder == first.folder
    assert again.history == first.history


def test_an_active_run_is_joined_and_goes_on(tmp_path: Path) -> None:
    """What the user began, the user finishes: name and project are the user's, and rows go on after us."""
    import wandb

    run_dir = write_run(tmp_path / "exp" / "joined", an_experiment())
    settings = wandb.Settings(silent=True, mode="offline")
    mine = wandb.init(project="mine", id="mine1", dir=str(tmp_path), settings=settings)
    feed = Feed(run_dir, WandbBackend(WandbConfig()), is_live=True)
    feed.finish("FINISHED")
    mine.log({"after": 1})
    mine.finish()
    found = offline_runs(tmp_path)
    assert list(found) == ["mine1"]
    assert (found["mine1"].project, found["mine1"].series("after")) == ("mine", [1])
    assert len(found["mine1"].series("train/loss")) == 5
    # A run that joins the same one later has records of the same numbers.
    marks = {key for row in found["mine1"].history for key in row if key.startswith("jaxarc_sent/")}
    assert marks == {"jaxarc_sent/joined/p000-000001.jsonl"}


def test_the_upload_budget_and_formats_of_pictures_are_kept(tmp_path: Path) -> None:
    """What is beyond the budget stays in the run and is counted; both formats go where both are wanted."""
    path = tmp_path / "exp" / "media"
    picture = [each for each in everything(path) if isinstance(each, Media) and each.key == "pictures/board"]
    write_run(path, [*picture, Media(key="player", kind="html", path="replay.html")])
    backend = WandbBackend(WandbConfig(image_format="both", max_image_size=(20, 20)))
    backend.upload_bytes = 2_000
    result = sync_run(path, backend)
    run = offline_runs(path)["media"]
    assert (run.series("pictures/board")[0]["width"], run.series("pictures/board")[0]["height"]) == (20, 15)
    assert run.series("pictures/board/svg")[0]["_type"] == "html-file"
    assert (result.refused, "player" in run.keys) == (0, True)
    shutil.rmtree(path / "trackers")
    shutil.rmtree(path / "wandb")
    backend = WandbBackend(WandbConfig())
    backend.upload_bytes = 90
    result = sync_run(path, backend)
    assert result.refused == 1


def test_gradients_and_the_model_are_sent_where_that_is_wanted(tmp_path: Path) -> None:
    """`log_gradients` and `log_model_topology` decide; the run itself has both in any case."""
    said: list[ExperimentEvent | Event] = [
        DefineMetric(key="return", step_metric="episode", direction="maximize", summary="best"),
        MetricBatch(metrics={"gradients/norm": 1.0, "return": 2.0}, step=3),
        Table(key="model/topology", columns=["leaf"], rows=[["a"]]),
    ]
    without = shown(write_run(tmp_path / "exp" / "without", said))[""]
    assert without.keys == {"return", "episode"}
    assert without.metrics["return"].summary.max
    assert without.metrics["return"].step_metric == "episode"
    run_dir = write_run(tmp_path / "exp" / "with", said)
    with_them = shown(run_dir, log_gradients=True, log_model_topology=True)[""]
    assert {"gradients/norm", "model/topology"} <= with_them.keys


def test_disabled_sends_nothing(tmp_path: Path) -> None:
    """Nothing of W&B is written, and the feed is content."""
    run_dir = write_run(tmp_path / "exp" / "off", an_experiment())
    assert shown(run_dir, mode="disabled") == {}
    assert not (run_dir / "wandb").exists()


@pytest.mark.long
def test_with_a_key_and_without_a_network_nobody_waits_for_wandb(tmp_path: Path) -> None:
    """The record is whole, the end waits as long as it was told, and the process ends soon after."""
    program = f"""
import time
from jaxarc import ExperimentTracker
settings = ["logging=wandb_basic", "logging.wandb.mode=online", "logging.close_timeout=1"]
with ExperimentTracker([*settings, "storage.base_output_dir={tmp_path}"]) as tracker:
    for step in range(20):
        tracker.log_metrics({{"loss": 1.0}}, step)
    began = time.monotonic()
print(time.monotonic() - began < 5)
"""
    environment = {**os.environ, "WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "a" * 40}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    (run_file,) = tmp_path.glob("*/*/run.json")
    assert len(ReplaySystem(run_file.parent).record().series("loss")) == 20


@pytest.mark.long
def test_a_killed_run_is_whole_in_wandb_after_a_sync(tmp_path: Path) -> None:
    """What W&B had been given when the process was killed is not there twice, and the rest is."""
    program = f"""
import os, signal, time
from jaxarc import ExperimentTracker
settings = ["logging=wandb_basic", "pipeline.flush_interval=0.2", "storage.base_output_dir={tmp_path}"]
tracker = ExperimentTracker(settings)
tracker.start_run("killed")
for step in range(30):
    tracker.log_metrics({{"loss": float(step)}}, step)
    if step == 15:
        tracker.flush()
        while not tracker.health().trackers["wandb"].sent:
            time.sleep(0.05)
tracker.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""
    # With a core of its own: one that is shared goes on when the process is killed.
    alone = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    done = subprocess.run([sys.executable, "-c", program], env=alone, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    (run_file,) = tmp_path.glob("*/*/run.json")
    found = shown(run_file.parent)
    assert [len(each.series("loss")) for each in found.values()] == [30]
    assert found[""].series("loss", "step") == [(step, step) for step in range(30)]
    assert found[""].exit_code != 0
