"""TensorBoard: event files of a run, read back with TensorBoard's own reader."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from child import wait_until
from PIL import Image
from run_rows import make_rows, run_of_rows
from written_runs import an_experiment, write_run

from jaxarc.config.tensorboard import TensorBoardConfig
from jaxarc.records.experiment_events import (
    Checkpoint,
    Log,
    Media,
    MetricBatch,
    Param,
    RunEnd,
    Table,
)
from jaxarc.records.tracked_record import TrackedRecord
from jaxarc.replay import ReplaySystem
from jaxarc.tracking import Feed, sync_run
from jaxarc.tracking.tensorboard_backend import TensorBoardBackend
from jaxarc.tracking.tracked_run import run_info


def accumulated(folder: Path) -> Any:
    """Read a folder as TensorBoard does."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0})
    return found.Reload()


def texts(reader: Any, tag: str) -> list[str]:
    """Return the texts of a tag."""
    return [event.tensor_proto.string_val[0].decode() for event in reader.Tensors(tag)]


def hparams(reader: Any, tag: str) -> Any:
    """Return what the HParams page reads of a session."""
    from tensorboard.plugins.hparams import metadata

    content = reader.SummaryMetadata(tag).plugin_data.content
    parse = {
        metadata.SESSION_START_INFO_TAG: metadata.parse_session_start_info_plugin_data,
        metadata.SESSION_END_INFO_TAG: metadata.parse_session_end_info_plugin_data,
    }
    return parse[tag](content)


def test_scalars_have_the_steps_and_times_at_which_they_were_logged(tmp_path: Path):
    """Two contexts of one name are two series; NaN and infinities are there; a word is a text."""
    run_dir = write_run(tmp_path / "runs" / "one", an_experiment())
    assert sync_run(run_dir, TensorBoardBackend()).refused == 0
    reader, run = accumulated(run_dir / "tensorboard"), ReplaySystem(run_dir)
    for phase in ("train", "validation"):
        series = run.metrics("loss", phase=phase)
        scalars = reader.Scalars(f"{phase}/loss")
        assert [scalar.step for scalar in scalars] == series.step.tolist()
        np.testing.assert_allclose([scalar.value for scalar in scalars], series.value, rtol=1e-7)
        np.testing.assert_allclose([scalar.wall_time for scalar in scalars], series.timestamp_us / 1e6)
    assert np.isnan(reader.Scalars("odd")[0].value)
    assert reader.Scalars("large")[0].value == np.inf
    assert texts(reader, "word") == ["    high"]
    assert "| final | 0.2 |" in texts(reader, "run/summary")[0]
    assert "net.width" in texts(reader, "run/params")[0]


def test_parameters_are_those_of_the_hparams_page(tmp_path: Path):
    """Numbers, truth values and text as they are, all else as JSON; the end says how it ended."""
    said = [
        *(
            Param(key=key, value=value)
            for key, value in {"lr": 0.1, "big": True, "kind": "a", "l": [1]}.items()
        ),
        MetricBatch(metrics={"loss": 1.0}, step=0),
        Param(key="late", value=3),
    ]
    run_dir = write_run(tmp_path / "runs" / "one", said, status="FAILED")
    sync_run(run_dir, TensorBoardBackend())
    reader = accumulated(run_dir / "tensorboard")
    start = hparams(reader, "_hparams_/session_start_info")
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
    assert values == {"lr": 0.1, "big": True, "kind": "a", "l": "[1]"}
    assert start.group_name == "one"
    assert hparams(reader, "_hparams_/session_end_info").status == 2
    assert "late" in texts(reader, "run/params")[-1]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two members, whose first record does not say that there are several."""
    rows = make_rows(200, member=np.arange(200) % 2, update=np.arange(200) // 20)
    said = [
        Param(key="lr", value=0.1),
        MetricBatch(metrics={"loss": 1.0}, step=0, ctx={"stream": "train", "member": 0}),
        MetricBatch(metrics={"loss": 2.0}, step=0, ctx={"stream": "train", "member": 1}, more={"members": 2}),
        MetricBatch(
            metrics={"loss": 1.5}, step=0, ctx={"stream": "train", "agg": "mean"}, more={"members": 2}
        ),
    ]
    root = tmp_path_factory.mktemp("members")
    return run_of_rows(root, rows, events=[each.event() for each in said])


def files_of(run_dir: Path) -> dict[str, bytes]:
    """Return every event file, by its path."""
    folder = run_dir / "tensorboard"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("events.*")}


def test_members_and_their_mean_have_folders_and_agree_with_the_local_record(members: Path):
    """A run that turns out to have several members is written anew; each number is that of the record."""
    sync_run(members, TensorBoardBackend())
    run = ReplaySystem(members)
    for place, ctx in {"member_0": {"member": 0}, "member_1": {"member": 1}, "mean": {"agg": "mean"}}.items():
        reader = accumulated(members / "tensorboard" / place)
        keys = [key for key in run.record().keys if dict(key[1]).items() >= ctx.items()]
        names = {name if name.startswith("train/") else f"train/{name}" for name, _ in keys}
        assert set(reader.Tags()["scalars"]) == names
        assert len(names) == 9
        for key in keys:
            series = run.record().of(key)
            tag = key[0] if key[0].startswith("train/") else f"train/{key[0]}"
            assert [scalar.step for scalar in reader.Scalars(tag)] == series.step.tolist()
            values = [scalar.value for scalar in reader.Scalars(tag)]
            np.testing.assert_allclose(values, series.value.astype(np.float32))
    assert accumulated(members / "tensorboard").Tags()["scalars"] == []
    session = hparams(accumulated(members / "tensorboard" / "member_1"), "_hparams_/session_start_info")
    assert session.hparams["member"].number_value == 1
    assert session.group_name.endswith(" member_1")


def test_sending_a_run_twice_changes_nothing(members: Path):
    """Neither a second sync nor one by another backend object writes a byte."""
    sync_run(members, TensorBoardBackend())
    before = files_of(members)
    assert sync_run(members, TensorBoardBackend()).sent == 0
    assert files_of(members) == before


def test_a_crash_between_writing_and_remembering_repeats_nothing(tmp_path: Path):
    """What the disk has behind the place that was saved is written over: the files are those of one go."""
    said = [MetricBatch(metrics={"a": float(step)}, step=step) for step in range(20)]
    runs = [write_run(tmp_path / name / "one", said) for name in ("whole", "cut")]
    sync_run(runs[0], TensorBoardBackend())
    with Feed(runs[1], TensorBoardBackend()) as feed:
        feed.advance(8)
        saved = feed.cursor.path.read_bytes()
        feed.advance(8)
        feed.cursor.path.write_bytes(saved)
    sync_run(runs[1], TensorBoardBackend())
    read = [accumulated(run / "tensorboard").Scalars("a") for run in runs]
    assert [scalar.step for scalar in read[1]] == list(range(20))
    assert [scalar.value for scalar in read[0]] == [scalar.value for scalar in read[1]]


@pytest.mark.parametrize("damage", ["removed", "shortened"])
def test_files_that_are_gone_are_written_anew(tmp_path: Path, damage: str):
    """Somebody cleaned up: what the run says is all there again."""
    run_dir = write_run(tmp_path / "runs" / "one", an_experiment())
    sync_run(run_dir, TensorBoardBackend())
    (path,) = (run_dir / "tensorboard").rglob("events.*")
    whole = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(whole[:100])
    log = run_dir / "events" / "p001-000001.jsonl"
    write_run(run_dir, [MetricBatch(metrics={"more": 1.0})], writer="p001")
    assert log.exists()
    sync_run(run_dir, TensorBoardBackend())
    reader = accumulated(run_dir / "tensorboard")
    assert len(reader.Scalars("train/loss")) == 5
    assert len(reader.Scalars("more")) == 1


def test_a_step_that_goes_back_is_kept(tmp_path: Path):
    """Nothing is purged; values without a step are counted, those whose step is no number are refused."""
    said = [MetricBatch(metrics={"a": float(step)}, step=step) for step in (5, 3, 9)]
    said += [MetricBatch(metrics={"b": 1.0}) for _ in range(3)]
    said += [MetricBatch(metrics={"huge": 10**400, "far": 1e300, "none": None, "list": [1, 2]}, step=2**70)]
    said += [MetricBatch(metrics={"a": 1.0}, step=step) for step in (float("nan"), [1, 2])]
    run_dir = write_run(tmp_path / "runs" / "one", said)
    assert sync_run(run_dir, TensorBoardBackend(), pause_s=0.001).refused == 2
    reader = accumulated(run_dir / "tensorboard")
    assert [scalar.step for scalar in reader.Scalars("a")] == [5, 3, 9]
    assert [scalar.step for scalar in reader.Scalars("b")] == [0, 1, 2]
    assert reader.Scalars("far")[0].step == 2**63 - 1
    assert texts(reader, "list") == ["    [1, 2]"]
    assert texts(reader, "huge")[0].startswith("    1000")


def test_images_are_shown_within_the_budget_and_other_media_are_named(tmp_path: Path):
    """PNG and SVG are images; what the budget has no room for, and what is no image, is a text."""
    run_dir = tmp_path / "runs" / "one"
    (run_dir / "plots").mkdir(parents=True)
    Image.new("RGB", (7, 5), "red").save(run_dir / "plots" / "a.png")
    (run_dir / "plots" / "b.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="4"/>')
    (run_dir / "plots" / "c.html").write_text("<p>")
    (run_dir / "plots" / "big.png").write_bytes((run_dir / "plots" / "a.png").read_bytes() + bytes(2_000))
    media = {
        "a": "a.png",
        "b": "b.svg",
        "big": "big.png",
        "page": "c.html",
        "out": "../../../x.png",
        "no": "d.png",
    }
    kinds = {"page": "html"}
    said = [
        Media(key=key, kind=kinds.get(key, "image"), path=f"plots/{name}", step=3)
        for key, name in media.items()
    ]
    write_run(run_dir, said, config={"logging": {"upload_bytes": 1_000}})
    result = sync_run(run_dir, TensorBoardBackend())
    assert result.refused == 2
    reader = accumulated(run_dir / "tensorboard")
    assert {tag: reader.Images(tag)[0].step for tag in reader.Tags()["images"]} == {"a": 3, "b": 3}
    assert (reader.Images("a")[0].width, reader.Images("a")[0].height) == (7, 5)
    assert reader.Images("a")[0].encoded_image_string == (run_dir / "plots" / "a.png").read_bytes()
    assert "are used up" in texts(reader, "big")[0]
    assert "c.html" in texts(reader, "page")[0]


def test_everything_else_is_a_text(tmp_path: Path):
    """Tables, lines of the log, checkpoints and the error that ended the run; nothing in them is markup."""
    error = {"type": "ValueError", "message": "no <b>", "traceback": "line 1\nline 2"}
    said = [
        Table(key="scores", columns=["task", "score"], rows=[["a|b", 1.5]], step=2),
        Log(level="WARNING", msg="slow", fields={"seconds": 3}),
        Checkpoint(path="checkpoints/a", step=4, is_best=True, metrics={"score": 1}),
        RunEnd(status="FAILED", error=error),
    ]
    run_dir = write_run(tmp_path / "runs" / "one", said)
    sync_run(run_dir, TensorBoardBackend())
    reader = accumulated(run_dir / "tensorboard")
    assert texts(reader, "scores") == ["| task | score |\n| --- | --- |\n| a\\|b | 1.5 |"]
    assert texts(reader, "run/log") == ['    WARNING: slow\n    {"seconds": 3}']
    assert "checkpoints/a" in texts(reader, "run/checkpoints")[0]
    assert texts(reader, "run/error") == ["    ValueError\n    no <b>\n    line 1\n    line 2"]


def test_a_folder_for_all_runs_gets_one_of_each_runs_name(tmp_path: Path):
    """``logging.tensorboard.log_dir``; each folder keeps its own place in the run."""
    run_dir = write_run(tmp_path / "runs" / "one", an_experiment())
    sync_run(run_dir, TensorBoardBackend(TensorBoardConfig(log_dir=str(tmp_path / "all"))))
    assert len(accumulated(tmp_path / "all" / "runs" / "one").Scalars("train/loss")) == 5
    assert not (run_dir / "tensorboard").exists()
    sync_run(run_dir, TensorBoardBackend())
    assert len(accumulated(run_dir / "tensorboard").Scalars("train/loss")) == 5


KILLED = """
import sys, jaxarc
tracker = jaxarc.ExperimentTracker({{
    "storage": {{"base_output_dir": {root!r}}},
    "logging": {{"trackers": ["tensorboard"]}},
    "pipeline": {{"flush_interval": 0.1}},
}})
tracker.start_run("one", params={{"lr": 0.1}})
print(tracker.run_dir, flush=True)
step = 0
while True:
    tracker.log_metrics({{"a": step / 7}}, step=step)
    step += 1
    if step % 50 == 0:
        tracker.flush()
"""


def test_a_killed_run_is_in_tensorboard_as_on_disk(tmp_path: Path):
    """SIGKILL while a live backend writes: sync adds what is missing, and repeats nothing."""
    program = KILLED.format(root=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        run_dir = Path(child.stdout.readline().strip())
        wait_until(lambda: sum(len(content) for content in files_of(run_dir).values()) > 20_000)
        child.kill()
    before = sum(len(content) for content in files_of(run_dir).values())
    sync_run(run_dir, TensorBoardBackend())
    assert sum(len(content) for content in files_of(run_dir).values()) >= before
    reader, series = accumulated(run_dir / "tensorboard"), ReplaySystem(run_dir).metrics("a")
    assert len(series) > 100
    assert [scalar.step for scalar in reader.Scalars("a")] == series.step.astype(int).tolist()
    np.testing.assert_allclose([scalar.value for scalar in reader.Scalars("a")], series.value, rtol=1e-6)
    assert hparams(reader, "_hparams_/session_end_info").status == 2


def test_a_batch_that_the_disk_has_no_room_for_comes_again_whole(tmp_path: Path):
    """A limit on the size of files: nothing of the batch counts, and the next try leaves no trace of it."""
    run_dir = write_run(tmp_path / "runs" / "one", [Param(key="lr", value=0.1)])
    records = [
        TrackedRecord(
            source="a", seq=step, timestamp_us=step, said=MetricBatch(metrics={"a": step / 3}, step=step)
        )
        for step in range(200)
    ]
    backend = TensorBoardBackend()
    backend.open(run_info(run_dir, {}, is_live=False))
    backend.write(records[:50])
    ticket = backend.ticket()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            backend.write(records[50:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert backend.ticket() == ticket
    backend.write(records[50:])
    backend.close("FINISHED")
    scalars = accumulated(run_dir / "tensorboard").Scalars("a")
    assert [scalar.step for scalar in scalars] == list(range(200))
