"""Artifacts and checkpoints: what is recorded of a file, which version is meant, what stays."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from jaxarc.errors import StorageError, TrackingError
from jaxarc.records.artifacts import ArtifactVersion
from jaxarc.records.events import Event
from jaxarc.replay import ReplaySystem
from jaxarc.replay.artifacts import RunArtifacts
from jaxarc.storage import Invitation
from jaxarc.tracking.experiment_tracker import ExperimentTracker


def begun(root: Path) -> ExperimentTracker:
    """Begin to track a run below a folder."""
    return ExperimentTracker({"storage": {"base_output_dir": str(root)}}).start_run()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExperimentTracker]:
    """A run that tests share, each with ids of its own."""
    with begun(tmp_path_factory.mktemp("runs")) as tracker:
        yield tracker


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[ExperimentTracker]:
    """A run of the test's own."""
    with begun(tmp_path / "runs") as tracker:
        yield tracker


def read_back(tracker: ExperimentTracker) -> RunArtifacts:
    """Return the artifacts as the files of the run say them."""
    assert tracker.flush(20)
    assert tracker.run_dir is not None
    return ReplaySystem(tracker.run_dir).artifacts()


def saved(path: Path, content: str | bytes) -> Path:
    """Write a file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def states(findings: list) -> dict[str, str]:
    """Return what was found, by id and number."""
    return {f"{each.artifact.id}:v{each.artifact.number}": each.state for each in findings}


def test_an_artifact_is_read_back_as_it_was_logged(shared: ExperimentTracker, tmp_path: Path) -> None:
    """Id, type, size, digest, tags, description, step, metrics and lineage survive, odd numbers included."""
    data = shared.add_artifact("data-1", "dataset", saved(tmp_path / "data.bin", b"\0" * 10))
    logged = shared.add_artifact(
        artifact_id="model-1",
        artifact_type="checkpoint",
        file_path=saved(tmp_path / "model.pth", "weights"),
        description="the best <b>so far</b>",
        tags=["best", "model"],
        step=np.int64(7),
        metrics={"iou": jnp.float32(0.5), "loss": float("nan")},
        lineage=[data, "never-logged"],
        meta={"framework": "jax"},
    )
    found = read_back(shared).get("model-1")
    assert repr(found) == repr(logged)
    assert found.checksum == f"sha256:{sha256(b'weights').hexdigest()}"
    assert (found.size, found.type, found.step, found.tags) == (7, "checkpoint", 7, ("best", "model"))
    assert found.description == "the best <b>so far</b>"
    assert found.metrics["iou"] == 0.5
    assert np.isnan(found.metrics["loss"])
    assert found.lineage == ({"id": "data-1", "version": data.checksum}, {"id": "never-logged"})
    assert found.meta["framework"] == "jax"
    assert Path(found).read_text() == "weights"
    assert not found.is_in_run
    assert [each.id for each in read_back(shared).lineage("model-1")] == ["data-1"]


def test_other_content_is_another_version_and_the_same_content_the_same(
    shared: ExperimentTracker, tmp_path: Path
) -> None:
    """Versions count contents; ``latest`` is the newest, an alias moves, and old ones can be named."""
    path = tmp_path / "model.bin"
    for content in ("one", "two", "two"):
        shared.log_artifact(saved(path, content), name="m", type="model", aliases=["candidate"])
    first, second = read_back(shared).versions("m")
    assert (first.number, second.number) == (0, 1)
    assert (first.aliases, second.aliases) == ((), ("candidate", "latest"))
    for name in ("m", "m:latest", "m:candidate", "candidate", "m:v1", f"m:{second.version[:8]}"):
        assert shared.get_artifact(name).number == 1, name
    assert Path(shared.get_artifact("m:v0")).read_text() == "one"
    assert [Path(each).read_text() for each in shared.get_artifacts_by_type("model")] == ["one", "two"]


def test_what_is_logged_is_what_was_there_then(shared: ExperimentTracker, tmp_path: Path) -> None:
    """A copy keeps what a file held; a reference that was changed afterwards is found out."""
    copied, referred = saved(tmp_path / "copied.txt", "then"), saved(tmp_path / "referred.txt", "then")
    version = shared.log_artifact(copied, type="then")
    shared.add_artifact("referred", "then", referred)
    saved(copied, "now!")
    saved(referred, "now!")
    assert Path(version).read_text() == "then"
    assert version.path == f"artifacts/sha256/{version.version[:2]}/{version.version}/copied.txt"
    checks = {level: states(shared.verify_artifacts(level, "referred")) for level in ("size", "digest")}
    assert checks == {"size": {"referred:v0": "ok"}, "digest": {"referred:v0": "changed"}}
    (finding,) = shared.verify_artifacts("digest", "referred")
    assert "its content changed" in str(finding)
    assert states(shared.verify_artifacts("digest", "copied.txt")) == {"copied.txt:v0": "ok"}


def test_a_file_that_is_not_there_is_recorded_as_missing_or_refused(
    shared: ExperimentTracker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By reference it is recorded, loudly, and verified as missing; a copy of it is an error."""
    with caplog.at_level(logging.WARNING, "jaxarc"):
        version = shared.add_artifact("not-there", "metrics", str(tmp_path / "nothing.json"))
    assert "there is no such file" in caplog.text
    assert (version.kind, version.size, version.checksum) == ("missing", None, "")
    assert states(shared.verify_artifacts("exists", "not-there")) == {"not-there:v0": "missing"}
    saved(tmp_path / "model_best.pth", "x")
    with pytest.raises(TrackingError, match=r"did you mean model_best\.pth"):
        shared.log_artifact(tmp_path / "model_bset.pth")
    with pytest.raises(TrackingError, match="nor the folder"):
        shared.add_artifact("x", "y", tmp_path / "no" / "folder", must_exist=True)
    saved(tmp_path / "nothing.json", "{}")
    assert states(shared.verify_artifacts("digest", "not-there")) == {"not-there:v0": "unknown"}


def test_an_empty_file_is_an_artifact(shared: ExperimentTracker, tmp_path: Path) -> None:
    """It has a digest and no bytes, as a copy and as a reference."""
    empty = saved(tmp_path / "empty", b"")
    copy, reference = shared.log_artifact(empty, "e1"), shared.add_artifact("e2", "file", empty)
    assert copy.size == reference.size == 0
    assert copy.checksum == reference.checksum == f"sha256:{sha256().hexdigest()}"
    assert states(shared.verify_artifacts(name="e1")) == {"e1:v0": "ok"}


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a\nb", "<script>", "ü" * 300, "..", "con:v0"])
def test_a_name_from_outside_leaves_no_folder(shared: ExperimentTracker, tmp_path: Path, name: str) -> None:
    """Ids are text and no paths: the copy lies under its digest, and the id is kept to the letter."""
    version = shared.log_artifact(saved(tmp_path / "f.txt", f"of {name}"), name)
    assert shared.get_artifact(name).id == name
    assert version.is_in_run
    assert version.file.parent.name == version.version


def test_an_odd_file_name_stays_one_name(shared: ExperimentTracker, tmp_path: Path) -> None:
    """A hidden file, a long name, a line break: the copy has a name that any file system takes."""
    for name in (".hidden", "a\nb", "é" * 120, "..x"):
        version = shared.log_artifact(saved(tmp_path / name, f"in {name}"))
        assert version.id == name
        assert Path(version).read_text() == f"in {name}"
        assert not version.file.name.startswith(".")


def test_a_link_out_of_the_run_is_not_of_the_run(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """A link in the run to a file outside is logged as what it leads to; a later one leads nowhere."""
    run_dir = tracker._open_dir()
    secret = saved(tmp_path / "secret.txt", "secret")
    (run_dir / "plots").mkdir()
    (run_dir / "plots" / "link.txt").symlink_to(secret)
    reference = tracker.add_artifact("reference", "file", run_dir / "plots" / "link.txt")
    assert (reference.path, reference.is_in_run) == (str(secret), False)
    copy = tracker.log_artifact(run_dir / "plots" / "link.txt")
    assert copy.is_copy
    assert Path(copy).read_text() == "secret"

    own = saved(run_dir / "plots" / "own.txt", "own")
    assert tracker.log_artifact(own).path == "plots/own.txt"
    own.unlink()
    own.symlink_to(secret)
    (finding,) = read_back(tracker).verify("exists", "own.txt")
    assert (finding.state, finding.is_broken) == ("outside", True)
    with pytest.raises(TrackingError, match="leads out of the run"):
        Path(finding.artifact)


@pytest.mark.parametrize("path", ["../../secret.txt", "plots/../../secret.txt", "", "a\0b"])
def test_an_event_leads_nobody_out_of_its_run(tmp_path: Path, path: str) -> None:
    """A run from somebody else may name any file; what is no file of it is not read as one."""
    run_dir = tmp_path / "runs" / "run"
    run_dir.mkdir(parents=True)
    saved(tmp_path / "secret.txt", "secret")
    said = {"path": path, "type": "file", "name": "x", "size": 6, "meta": {"mode": "copy"}}
    (finding,) = RunArtifacts.of_events([Event("artifact", said)], run_dir).verify("exists")
    assert finding.state == "outside"


def test_a_directory_is_one_artifact(shared: ExperimentTracker, tmp_path: Path) -> None:
    """Its digest is that of sha256sum's lines; a file that changes, comes or goes changes it."""
    folder = tmp_path / "step_10"
    saved(folder / "params" / "w.npy", "weights")
    saved(folder / "meta.json", "{}")
    (folder / "empty").mkdir()
    version = shared.log_checkpoint(folder, step=10, name="tree")
    lines = [f"{sha256(b'{}').hexdigest()}  meta.json", f"{sha256(b'weights').hexdigest()}  params/w.npy"]
    assert version.checksum == "sha256:" + sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert (version.kind, version.size, version.meta["files"]) == ("directory", 9, 2)
    shutil.rmtree(folder)
    assert (version.file / "params" / "w.npy").read_text() == "weights"
    assert states(shared.verify_artifacts(name="tree")) == {"tree:v0": "ok"}
    saved(version.file / "params" / "v.npy", "")
    assert states(shared.verify_artifacts("size", "tree")) == {"tree:v0": "ok"}
    assert states(shared.verify_artifacts("digest", "tree")) == {"tree:v0": "changed"}


def test_links_in_a_directory_stay_within_it(shared: ExperimentTracker, tmp_path: Path) -> None:
    """A link to a file beside it is that file; one that leads out, or to a folder, is refused by name."""
    folder = tmp_path / "tree"
    saved(folder / "a.txt", "a")
    (folder / "b.txt").symlink_to("a.txt")
    assert shared.log_artifact(folder, "linked").size == 2
    (folder / "out").symlink_to(saved(tmp_path / "secret.txt", "secret"))
    for add in (shared.log_artifact, lambda path: shared.add_artifact("t", "t", path)):
        with pytest.raises(TrackingError, match=r"out: is a link to .*secret\.txt"):
            add(folder)
    (folder / "out").unlink()
    (folder / "loop").symlink_to(folder)
    with pytest.raises(TrackingError, match="loop: is a link"):
        shared.log_artifact(folder)
    copies = shared._open_dir() / "artifacts" / "sha256"
    assert not [each for each in copies.iterdir() if each.name.startswith(".")], "nothing is left behind"


def test_what_is_no_file_is_refused_without_waiting(shared: ExperimentTracker, tmp_path: Path) -> None:
    """A pipe would never give its end; a device neither."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        for add in (shared.log_artifact, lambda path: shared.add_artifact("p", "p", path)):
            with pytest.raises(TrackingError, match="neither a file nor a directory"):
                add(path)


def test_two_gigabytes_of_nothing_take_no_room(shared: ExperimentTracker, tmp_path: Path) -> None:
    """A file with holes is copied with its holes, and by its size alone it is logged at once."""
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    version = shared.add_artifact("sparse-reference", "file", path, digest=False)
    assert (version.size, version.checksum) == (2 << 30, "")
    assert states(shared.verify_artifacts("size", "sparse-reference")) == {"sparse-reference:v0": "ok"}
    with path.open("r+b") as file:
        file.truncate((24 << 20) + 5)
        file.seek(10 << 20)
        file.write(b"something")
    copy = shared.log_artifact(path)
    assert copy.file.stat().st_blocks * 512 < 4 << 20
    assert copy.size == (24 << 20) + 5
    assert states(shared.verify_artifacts(name="sparse.bin")) == {"sparse.bin:v0": "ok"}


@pytest.mark.long
def test_two_gigabytes_are_copied_and_verified(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """The whole of a large file with holes goes through its digest, twice."""
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        file.truncate(2 << 30)
    copy = tracker.log_artifact(path)
    assert copy.file.stat().st_blocks * 512 < 4 << 20
    assert states(tracker.verify_artifacts(name="sparse.bin")) == {"sparse.bin:v0": "ok"}


def test_many_threads_add_at_once(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """Contents that are the same share one copy, the others have theirs, and every event is there."""
    paths = [saved(tmp_path / f"{index}.bin", f"content {index % 3}") for index in range(24)]
    start = threading.Barrier(len(paths))

    def add(path: Path) -> None:
        start.wait()
        tracker.log_artifact(path, type="threaded")

    threads = [threading.Thread(target=add, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_back(tracker)
    assert sorted(each.id for each in found) == sorted(path.name for path in paths)
    assert len({each.path for each in found}) == 3
    assert all(finding.state == "ok" for finding in found.verify("digest"))
    copies = tracker._open_dir() / "artifacts" / "sha256"
    assert sum(1 for each in copies.rglob("*") if each.is_file()) == 3
    assert not list(copies.glob(".*"))


def test_two_processes_add_to_one_run(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """What each says is in files of its own; a reader has all of it in order of time."""
    tracker.log_artifact(saved(tmp_path / "a", "one"), "shared")
    assert tracker.flush(20)
    other = {"path": "plots/b", "type": "file", "name": "shared", "checksum": "sha256:00ff", "size": 1}
    line = {"v": 1, "t": "artifact", "m": {"seq": 0, "ts": 1, "wid": "p001"}, "p": other}
    saved(tracker._open_dir() / "events" / "p001-000001.jsonl", json.dumps(line) + "\n")
    found = read_back(tracker)
    assert [(each.number, each.path[:5]) for each in found] == [(0, "plots"), (1, "artif")]
    assert found.get("shared").number == 1


def test_a_uri_is_recorded_as_it_is(shared: ExperimentTracker) -> None:
    """Nobody looks whether it is there, and verifying says so."""
    version = shared.log_artifact("s3://bucket/weights.bin", type="model-elsewhere")
    assert (version.kind, version.path, version.id) == ("uri", "s3://bucket/weights.bin", "weights.bin")
    assert states(shared.verify_artifacts(name="weights.bin")) == {"weights.bin:v0": "elsewhere"}
    with pytest.raises(TrackingError, match="is no file here"):
        Path(version)


def test_a_reference_that_is_written_over_is_no_damage(shared: ExperimentTracker, tmp_path: Path) -> None:
    """A file that is logged again under its id was replaced; only the last version is compared."""
    path = tmp_path / "metrics.json"
    for content in ("1", "22"):
        shared.add_artifact("rolling", "rolling", saved(path, content))
    assert states(shared.verify_artifacts(name="rolling")) == {"rolling:v0": "replaced", "rolling:v1": "ok"}
    assert [each.number for each in shared.get_artifacts_by_type("rolling")] == [1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"artifact_id": "", "artifact_type": "x"}, "artifact_id must be a text"),
        ({"artifact_id": "x", "artifact_type": None}, "artifact_type must be a text"),
        ({"artifact_id": "x", "artifact_type": "x", "step": 1.5}, "step must be a whole number"),
        ({"artifact_id": "x", "artifact_type": "x", "tags": [1]}, "tags must be a text"),
        ({"artifact_id": "x", "artifact_type": "x", "aliases": "latest"}, "alias latest"),
    ],
    ids=["no id", "no type", "half a step", "a tag that is a number", "latest"],
)
def test_wrong_arguments_are_named(
    shared: ExperimentTracker, tmp_path: Path, arguments: dict, words: str
) -> None:
    """Before anything is copied or written."""
    before = len(shared.artifacts())
    with pytest.raises(TrackingError, match=words):
        shared.add_artifact(**arguments, file_path=saved(tmp_path / "f", "f"), copy=True)
    assert len(shared.artifacts()) == before


def test_who_asks_for_what_is_not_there_is_told_what_is(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """The closest id, the versions of an id, and who shares an alias."""
    with pytest.raises(TrackingError, match="there are none"):
        tracker.get_artifact("model")
    for name in ("model-a", "model-b"):
        tracker.log_artifact(saved(tmp_path / name, name), aliases=["production"])
    with pytest.raises(TrackingError, match="did you mean model-a, model-b"):
        tracker.get_artifact("modle-a")
    with pytest.raises(TrackingError, match="v0 to v0, latest, production"):
        tracker.get_artifact("model-a:v3")
    with pytest.raises(TrackingError, match="several artifacts answer to 'production': model-a:production"):
        tracker.get_artifact("production")
    with pytest.raises(TrackingError, match="of type 'dataset'"):
        tracker.get_artifact("model-a", type="dataset")
    with pytest.raises(TrackingError, match="level must be one of exists, size, digest"):
        tracker.verify_artifacts("sha")
    assert tracker.get_artifact().id == "model-b"


def test_a_copy_that_cannot_be_written_is_told_and_leaves_nothing(
    tracker: ExperimentTracker, tmp_path: Path
) -> None:
    """A file stands where the copies would lie: the error names it, and the record says nothing of a file."""
    run_dir = tracker._open_dir()
    saved(run_dir / "artifacts", "in the way")
    with pytest.raises(StorageError):
        tracker.log_artifact(saved(tmp_path / "f", "f"))
    assert len(read_back(tracker)) == 0


def test_odd_events_of_other_programs_are_read_as_far_as_they_go(tmp_path: Path) -> None:
    """Wrong types are passed over; what is there counts."""
    odd = {"path": 7, "type": None, "name": ["x"], "size": "big", "meta": {"tags": 3, "metrics": [1]}}
    events = [
        Event("artifact", odd, 0, 1),
        Event("artifact", {"type": "no path"}, 1, 2),
        Event("checkpoint", {"path": "c", "is_best": True, "meta": None}, 2, 3),
        Event("artifact_removed", {"name": "of nothing", "path": "x"}, 3, 4),
    ]
    found = RunArtifacts.of_events(events, tmp_path)
    assert [(each.id, each.path, each.size, each.aliases) for each in found] == [
        ("['x']", "7", None, ("latest",)),
        ("checkpoint", "c", None, ("best", "latest")),
    ]
    assert "RunArtifacts(2 versions" in repr(found)


def checkpoint(
    tracker: ExperimentTracker, folder: Path, step: int, score: object, **said: Any
) -> ArtifactVersion:
    """Log the checkpoint of a step."""
    path = saved(folder / f"step_{step}.ckpt", f"weights {step}")
    return tracker.log_checkpoint(path, step=step, metrics={"score": score}, **said)


def test_the_last_and_the_best_checkpoints_stay(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """The others' files go, what was said of them stays, and a new process finds best and latest."""
    tracker.keep_checkpoints(2, best=1, metric="score", direction="maximize")
    scores = [1.0, 9.0, float("nan"), 3.0, 9.0, 2.0]
    logged = [checkpoint(tracker, tmp_path, step, score) for step, score in enumerate(scores)]
    assert ["best" in each.aliases for each in logged] == [True, True, False, False, False, False]
    found = read_back(tracker)
    assert [each.step for each in found if not each.removed] == [1, 4, 5]
    assert [each.file.exists() for each in found] == [False, True, False, False, True, True]
    assert (found.get("best").step, found.get("latest").step) == (1, 5)
    assert found[0].removed == "keeps the last 2 and the best 1 by score (maximize)"
    assert set(states(found.verify("digest")).values()) == {"ok", "removed"}
    assert [each.step for each in tracker.get_artifacts_by_type("checkpoint")] == [1, 4, 5]
    assert all((tmp_path / f"step_{step}.ckpt").exists() for step in range(6)), "the program's own stay"


def test_a_checkpoint_with_a_name_of_its_own_stays(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """As one that is written over does, and one whose content another artifact has."""
    tracker.keep_checkpoints(1)
    checkpoint(tracker, tmp_path, 0, 0.0, aliases=["published"])
    second = checkpoint(tracker, tmp_path, 1, 0.0)
    tracker.log_artifact(tmp_path / "step_1.ckpt", "same content")
    own = saved(tracker._open_dir() / "checkpoints" / "rolling.ckpt", "a")
    tracker.log_checkpoint(own, step=2)
    tracker.log_checkpoint(saved(own, "b"), step=3)
    found = read_back(tracker)
    assert [each.removed != "" for each in found.versions("checkpoint")] == [False, True, True, False]
    assert found.get("checkpoint:published").file.exists()
    assert second.file.exists(), "another artifact holds that content"
    assert own.read_text() == "b"


def test_checkpoints_out_of_the_run_are_never_removed(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """A reference is somebody else's file."""
    tracker.keep_checkpoints(1)
    for step in range(3):
        checkpoint(tracker, tmp_path, step, 0.0, copy=False)
    assert all((tmp_path / f"step_{step}.ckpt").exists() for step in range(3))
    assert not any(each.removed for each in read_back(tracker))


def test_a_direction_is_declared_and_never_guessed(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """``best`` by a metric needs to be told which way it gets better, once."""
    with pytest.raises(TrackingError, match="which way loss gets better was not said"):
        checkpoint(tracker, tmp_path, 0, 1.0, best_key="loss")
    with pytest.raises(TrackingError, match="say by which metric and which way"):
        tracker.keep_checkpoints(1, best=2, metric="loss")
    with pytest.raises(TrackingError, match="last must be a whole number of at least 1"):
        tracker.keep_checkpoints(0)
    for step, score in enumerate([2.0, 1.0, 3.0]):
        checkpoint(tracker, tmp_path, step, score, best_key="score", direction="minimize")
    assert read_back(tracker).get("checkpoint:best").step == 1


def test_a_resumed_run_goes_on_with_its_versions(tracker: ExperimentTracker, tmp_path: Path) -> None:
    """Who opens a run that has artifacts counts on, and keeps checkpoints over all of them."""
    tracker.define_metric("sc*", direction="minimize")
    for step in range(3):
        checkpoint(tracker, tmp_path, step, 2.0 - step)
    tracker.end_run()
    again = ExperimentTracker({"storage": {"base_output_dir": str(tmp_path / "runs")}})
    with again.start_run(resume=tracker.run_dir):
        version = checkpoint(again, tmp_path, 3, 1.0, best_key="score")
        assert (version.number, version.aliases) == (3, ("latest",))
        again.keep_checkpoints(1, best=1, metric="score")
        assert [each.step for each in read_back(again) if not each.removed] == [2, 3]


def test_a_tracker_that_records_nothing_copies_and_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process that this one joined records nothing, files are looked at and stay where they are."""
    monkeypatch.setenv("JAXARC_RUN", str(Invitation.to_nothing("the test says so")))
    monkeypatch.chdir(tmp_path)
    with begun(tmp_path / "runs") as silent:
        silent.keep_checkpoints(1)
        for step in range(2):
            assert Path(checkpoint(silent, tmp_path, step, 0.0)) == tmp_path / f"step_{step}.ckpt"
        assert silent.log_artifact("step_0.ckpt", copy=True).file == tmp_path / "step_0.ckpt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_0.ckpt", "step_1.ckpt"]
