"""Names become backends, and what is missing is said with the way out."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import typed_in
from written_runs import an_experiment, write_run

from jaxarc.config import LoggingConfig
from jaxarc.errors import ConfigError, TrackingError
from jaxarc.tracking import Feed, MemoryBackend, NullBackend, backends_of, sync_run
from jaxarc.tracking.choosing import BACKENDS
from jaxarc.tracking.run_settings import logging_of


def test_names_and_objects_become_backends() -> None:
    """What the configuration names, or what is given instead of it."""
    named = LoggingConfig(trackers=["memory", "null"])
    assert [type(each) for each in backends_of(named)] == [MemoryBackend, NullBackend]
    mine = MemoryBackend()
    assert backends_of(named, [mine]) == [mine]
    assert backends_of(named, []) == []


def test_two_of_one_name_are_refused() -> None:
    """Each keeps its place in the run by its name."""
    with pytest.raises(TrackingError, match="several backends are called memory"):
        backends_of(LoggingConfig(), ["memory", MemoryBackend()])


@pytest.mark.parametrize("name", [name for name, home in BACKENDS.items() if home.package])
def test_a_backend_without_its_package_is_an_error_that_names_the_extra(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never a silent null."""
    home = BACKENDS[name]
    for module in [each for each in sys.modules if each.partition(".")[0] == home.package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:2])
    with pytest.raises(ConfigError, match=rf"pip install 'jaxarc-toolkit\[{home.extra}\]'.*--to {name}"):
        backends_of(LoggingConfig(trackers=[name]))


def test_a_run_is_sent_with_its_own_settings_and_those_that_are_said_now(tmp_path: Path) -> None:
    """What this version would not take of an old configuration is left out."""
    stored = {
        "mlflow": {"experiment": "mine", "tracking_uri": "sqlite:///a.db", "gone": 1},
        "format": "pickle",
    }
    run_dir = write_run(tmp_path / "a", [], config={"logging": stored})
    own = logging_of(run_dir)
    assert (own.mlflow.experiment, own.mlflow.tracking_uri, own.format) == ("mine", "sqlite:///a.db", "hdf5")
    now = logging_of(run_dir, ["logging.mlflow.tracking_uri=http://there"])
    assert (now.mlflow.experiment, now.mlflow.tracking_uri) == ("mine", "http://there")
    with pytest.raises(ConfigError, match="did you mean"):
        logging_of(run_dir, ["logging.mlflow.tracking_url=x"])


def test_the_command_sends_what_is_not_there_and_says_it(tmp_path: Path) -> None:
    """Words, JSON, exit codes, and mistakes in one sentence."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    first, again = (typed_in(tmp_path, "sync", run_dir, "--to", "tensorboard") for _ in range(2))
    assert (first.returncode, again.returncode) == (0, 0)
    assert "a → tensorboard: " in first.stdout
    assert "records sent (FINISHED)" in first.stdout
    assert "nothing to send, all is there" in again.stdout
    wrong = typed_in(tmp_path, "sync", run_dir, "--to", "tensorbord")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "there is no tracker 'tensorbord'; did you mean tensorboard?" in wrong.stderr
    assert "in the configuration" not in wrong.stderr
    nowhere = typed_in(tmp_path, "sync", tmp_path / "b", "--to", "null")
    assert nowhere.returncode == 2


def test_a_tracker_that_does_not_take_the_run_costs_the_others_nothing(tmp_path: Path) -> None:
    """The command fails at its end, when all that were asked for had their turn."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    with Feed(run_dir, NullBackend()):  # somebody else is sending it
        told = typed_in(tmp_path, "sync", run_dir, "--to", "null", "--to", "tensorboard")
    assert told.returncode == 2
    assert "is being sent to null by another process" in told.stderr
    assert "a → tensorboard: " in told.stdout
    assert "nothing to send" in typed_in(tmp_path, "sync", run_dir, "--to", "tensorboard").stdout


def test_a_damaged_line_is_reported_by_the_command(tmp_path: Path) -> None:
    """What could not be read is named; the rest is sent."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    path = run_dir / "events" / "p000-000001.jsonl"
    path.write_bytes(path.read_bytes() + b"torn")
    told = typed_in(tmp_path, "sync", run_dir, "--to", "null", "--json")
    assert told.returncode == 0
    assert '"sent": ' in told.stdout
    assert "torn" not in told.stdout
    assert "the line that ends at byte" in told.stdout
    assert sync_run(run_dir, NullBackend()).sent == 0
