"""RunContext: the loop speaks to one object, and the run's record, pictures and status are true."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from browser import OpenPage
from omegaconf import OmegaConf

import jaxarc
from jaxarc import ArtifactBuilder, CurvesArtifactBuilder, FieldArtifactBuilder, RunContext
from jaxarc.config import ArtifactConfig, DiagnosticsConfig, LoggingConfig, RunMeta
from jaxarc.errors import ConfigError, DiagnosticsError, RecorderClosedError, TrackingError
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import Media, MetricBatch
from jaxarc.tracking.memory_backend import MemoryBackend
from jaxarc.visualization import Snapshot, write_report

FOLDERS = (
    *("config", "diagnostics", "plots/png", "plots/interactive"),
    *("report", "video", "states", "checkpoints"),
)


class Noted(ArtifactBuilder):
    """Remembers what it was given."""

    def __init__(self, **cadence: Any):
        super().__init__(cadence)
        self.seen: list[tuple[int, str]] = []
        self.states: list[Any] = []
        self.ended = ""

    def snapshot(self, snapshot: Snapshot) -> None:
        self.seen.append((snapshot.step, snapshot.reason))
        self.states.append(snapshot.state)

    def end(self, status: str) -> None:
        self.ended = status


@jax.jit
def advance(state: dict[str, jax.Array]) -> dict[str, jax.Array]:
    """Let heat flow."""
    t = state["temperature"]
    around = sum((jnp.roll(t, shift, axis) for shift in (1, -1) for axis in (0, 1)), jnp.zeros(()))
    return {"temperature": t + 0.2 * (around - 4 * t)}


def hot() -> dict[str, jax.Array]:
    """A plate with a hot corner."""
    return {"temperature": jnp.zeros((12, 16)).at[2:5, 2:5].set(300.0)}


def context_of(root: Path, *builders: ArtifactBuilder, **config: Any) -> RunContext:
    """Return a context that draws with these builders only, and makes no report."""
    artifacts = ArtifactConfig(builders=builders, report=False)
    return RunContext(None, artifacts, run_meta={"name": "test", "experiment": "x"}, out_dir=root, **config)


@pytest.fixture(scope="module")
def seed_run(tmp_path_factory: pytest.TempPathFactory) -> jaxarc.ReplaySystem:
    """The loop of the seed document, with every part on."""
    tracking_cfg = OmegaConf.create({"trackers": ["null"]})
    artifact_cfg = {"cadence": {"every": 4}}
    diagnostics_cfg = {"statistics": ["max"], "thresholds": {"temperature/max": {"max": 1000.0}}}
    run_meta = {
        "name": "Melt pool",
        "experiment": "heat",
        "params": {"solver": {"dt": 0.2}, "steps": 6},
        "tags": ["demo"],
        "total_steps": 6,
    }
    out_dir = tmp_path_factory.mktemp("artifacts")
    state, steps = hot(), 6

    ctx = RunContext(tracking_cfg, artifact_cfg, diagnostics_cfg, run_meta, out_dir)
    ctx.start()
    metrics: dict[str, Any] = {}
    for step in range(steps):
        state = advance(state)
        ctx.on_step_start(step, state)
        metrics = ctx.log_step(step, state)
        ctx.maybe_snapshot(step, state)
    ctx.end(state)

    assert metrics["temperature/max"] == float(state["temperature"].max())
    assert ctx.run_dir is not None
    return jaxarc.open(ctx.run_dir)


def test_the_loop_of_the_seed_leaves_a_whole_record(seed_run: jaxarc.ReplaySystem):
    """Params, tags, progress, a series of each measure, pictures and status, read back from the run."""
    assert seed_run.status == "FINISHED"
    assert seed_run.run_dir.parent.name == "heat"
    assert seed_run.name.startswith("Melt-pool-")
    assert seed_run.params == {"solver.dt": 0.2, "steps": 6}
    assert "demo" in seed_run.tags
    series = seed_run.record().series("temperature/max")
    assert series.step.tolist() == [0, 1, 2, 3, 4, 5]
    assert (np.diff(series.value) < 0).all()
    assert len(seed_run.record().series("time/steps_per_s")) == 5
    assert seed_run.record().statuses[-1][1].progress == {"cur": 6, "total": 6, "unit": "step"}
    config = json.loads((seed_run.run_dir / "config" / "config.json").read_text())
    assert config["logging"]["trackers"] == ["null"]
    assert config["capture"]["level"] == "off"


def test_the_run_has_the_folders_of_the_seed(seed_run: jaxarc.ReplaySystem):
    """Pictures and pages lie where they belong, and each of them is in the record."""
    run_dir = seed_run.run_dir
    assert all((run_dir / folder).is_dir() for folder in FOLDERS)
    assert sorted(path.name for path in (run_dir / "plots/png").iterdir()) == [
        "curves.png",
        "temperature_000000.png",
        "temperature_000004.png",
        "temperature_000005.png",
    ]
    pages = {path.name for path in (run_dir / "plots/interactive").iterdir()}
    assert pages == {"curves.html", "temperature.html"}
    assert (run_dir / "report/index.html").is_file()
    said = {each.path for each in seed_run.record().media}
    assert {f"plots/interactive/{name}" for name in pages} | {"plots/png/curves.png"} <= said
    assert all((run_dir / path).is_file() for path in said)


def test_configurations_are_dataclasses_mappings_or_a_dictconfig(tmp_path: Path):
    """Also a whole configuration where the trackers' part is asked for; a mistake is told with its key."""
    ways: list[tuple[Any, Any, Any, Any]] = [
        (LoggingConfig(trackers=["null"]), ArtifactConfig(builders=[]), DiagnosticsConfig(every=2), "a"),
        ({"trackers": "null"}, {"builders": []}, {"every": 2}, {"name": "a"}),
        (
            {"logging": {"trackers": ["null"]}},
            OmegaConf.create({"builders": []}),
            {"every": 2},
            RunMeta(name="a"),
        ),
        (["logging.trackers=['null']"], {"builders": []}, OmegaConf.create({"every": 2}), {"name": "a"}),
    ]
    for tracking, artifacts, diagnostics, meta in ways:
        context = RunContext(tracking, artifacts, diagnostics, meta, tmp_path)
        assert context._config.logging.trackers == ("null",)
        assert context._config.storage.base_output_dir == str(tmp_path)
        assert context.artifacts.builders == ()
        assert context.diagnostics_config.every == 2
        assert context.meta.name == "a"
    for wrong, message in (
        ({"tracking_cfg": {"trackers": ["wandbb"]}}, "wandbb"),
        ({"artifact_cfg": {"bilders": []}}, "did you mean builders"),
        ({"diagnostics_cfg": {"every": 0}}, "diagnostics.every"),
        ({"run_meta": {"nmae": "a"}}, "did you mean name"),
        ({"run_meta": {"params": "lr=3"}}, "run.params"),
        ({"artifact_cfg": 3}, "must be a mapping"),
    ):
        with pytest.raises(ConfigError, match=message):
            RunContext(**wrong)
    assert not list(tmp_path.iterdir())


def test_builders_of_yours_are_given_what_the_loop_hands_over(tmp_path: Path):
    """Snapshots by their cadence, events of yours, the final state at the end; the logged row with them."""
    noted, curves = Noted(every=2, on=["milestone"]), CurvesArtifactBuilder(html=False)
    context = context_of(tmp_path, noted, curves).start()
    rows = []
    for step in range(5):
        rows.append(context.log_step(step, metrics={"loss": 1 / (step + 1)}))
        context.maybe_snapshot(step, f"state {step}", event="milestone" if step == 3 else None)
    assert rows[-1] == {"loss": 0.2}
    context.end("final")
    assert noted.seen == [(0, "first"), (2, "every"), (3, "milestone"), (4, "every")]
    assert noted.ended == "FINISHED"
    assert context.health().builders.errors == 0
    run = jaxarc.open(context.run_dir)
    assert run.record().series("loss").value.tolist() == [1, 0.5, 1 / 3, 0.25, 0.2]
    late = context_of(tmp_path, noted := Noted(first=False)).start()
    late.maybe_snapshot(7, "handed over")
    late.end()
    assert (noted.seen, noted.states) == ([(7, "last")], ["handed over"])


def test_an_exception_ends_the_run_as_failed_with_its_step(tmp_path: Path):
    """What the block raised is what the caller sees; that the last state was donated is said."""
    noted = Noted(first=False)
    donating = jax.jit(lambda state: jax.tree.map(lambda leaf: leaf * 2, state), donate_argnums=0)
    context = context_of(tmp_path, noted)

    def loop() -> None:
        state = hot()
        with context:
            for step in range(4):
                context.on_step_start(step, state)
                if step == 2:
                    raise ZeroDivisionError("in the middle")
                context.maybe_snapshot(step, state)
                state = donating(state)

    with pytest.raises(ZeroDivisionError, match="in the middle"):
        loop()
    run = jaxarc.open(context.run_dir)
    assert run.status == "FAILED"
    assert run.info["error"]["type"] == "ZeroDivisionError"
    said, gone = run.record().logs
    assert (said.msg, said.step) == ("ZeroDivisionError in step 2", 2)
    assert noted.seen == [(1, "last")]
    assert noted.states == [None]
    assert (gone.level, gone.step) == ("WARNING", 1)
    assert "donated" in gone.msg
    assert noted.ended == "FAILED"


def test_ctrl_c_ends_the_run_as_killed_and_draws_nothing_more(tmp_path: Path):
    """What was there until then is on disk."""
    noted = Noted()
    context = context_of(tmp_path, noted).start()
    context.log_step(0, metrics={"loss": 1.0})
    context.maybe_snapshot(0, 1)
    context.on_step_start(1)
    with pytest.raises(KeyboardInterrupt), context:
        raise KeyboardInterrupt
    run = jaxarc.open(context.run_dir)
    assert run.status == "KILLED"
    assert run.record().series("loss").value.tolist() == [1.0]
    assert noted.seen == [(0, "first")]
    assert noted.ended == ""


def test_a_value_beyond_its_threshold_is_drawn_and_ends_the_run_where_that_is_asked(tmp_path: Path):
    """The row is on disk and the state drawn before it raises; below that, the next snapshot shows it."""
    noted = Noted(first=False, last=False)
    config = ArtifactConfig(builders=[noted], report=False)
    limits = {"thresholds": {"x/max": {"max": 2.0}, "x/min": {"min": -2.0, "action": "raise"}}}
    context = RunContext(None, config, limits, "bad", tmp_path).start()
    for step, value in enumerate((1.0, 3.0, 4.0)):
        state = {"x": jnp.full(3, value)}
        context.log_step(step, state)
        context.maybe_snapshot(step, state)
    assert noted.seen == [(1, "diagnostics")]
    with pytest.raises(DiagnosticsError, match=r"x/min"), context:
        context.log_step(3, {"x": jnp.full(3, -9.0)})
    assert noted.seen == [(1, "diagnostics"), (3, "diagnostics")]
    run = jaxarc.open(context.run_dir)
    assert run.status == "FAILED"
    assert run.record().series("x/min").value.tolist() == [1.0, 3.0, 4.0, -9.0]
    assert context.health().recording.losses == {}


def test_an_exception_in_a_builder_ends_the_run_only_where_that_is_asked(tmp_path: Path):
    """Else it is counted and in the record, and the run finishes; strict ends it as failed."""

    class Broken(ArtifactBuilder):
        def snapshot(self, snapshot: Snapshot) -> None:
            raise ValueError("mine")

    with context_of(tmp_path, Broken()) as context:
        context.maybe_snapshot(0, 1)
    run = jaxarc.open(context.run_dir)
    assert run.status == "FINISHED"
    assert context.health().builders.errors == 1
    said = run.record().logs[0]
    assert "mine" in said.fields["traceback"]
    strict = ArtifactConfig(builders=[Broken({"first": False})], report=False, strict=True)
    contexts = [RunContext(None, strict, out_dir=tmp_path).start() for _ in range(2)]
    for context in contexts:
        context.maybe_snapshot(0, 1)
    with pytest.raises(ValueError, match="mine"):
        contexts[0].end()
    with pytest.raises(ValueError, match="mine"), contexts[1]:
        pass
    assert [jaxarc.open(context.run_dir).status for context in contexts] == ["FAILED", "FAILED"]


def test_it_begins_once_and_ends_once(tmp_path: Path):
    """Before and after it says what to do."""
    context = context_of(tmp_path)
    assert "not started" in repr(context)
    for call in (lambda: context.log_step(0), lambda: context.tracker, lambda: context.folders):
        with pytest.raises(TrackingError, match="call start"):
            call()
    context.end()
    with context:
        with pytest.raises(TrackingError, match="begun already"):
            context.start()
        assert context.folders.checkpoints.is_dir()
        with pytest.raises(TrackingError, match="ends as FINISHED"):
            context.end(status="DONE")
        context.log_step(0, metrics={"loss": 1.0})
        context.end()
        context.end(status="FAILED")
        with pytest.raises(RecorderClosedError, match="has ended"):
            context.maybe_snapshot(0, 1)
    assert jaxarc.open(context.run_dir).status == "FINISHED"


def test_a_recorder_is_one_of_its_parts_or_stands_alone(tmp_path: Path):
    """One that is given goes on after the context; one that it opens ends with it; both have one run."""
    config = {"storage": {"base_output_dir": str(tmp_path)}, "visualization": {"live": {"enabled": False}}}
    with jaxarc.Recorder(config) as recorder:
        with context_of(tmp_path / "no", recorder=recorder) as context:
            context.log_step(0, metrics={"loss": 1.0})
            assert context.run_dir == recorder.run_dir
            assert context.recorder is recorder
        assert jaxarc.open(recorder.run_dir).status == "RUNNING"
        with pytest.raises(TrackingError, match="to the Recorder"):
            context_of(tmp_path, recorder=recorder, backends=[])
        with recorder.episode("a") as episode:
            episode.step(np.zeros(2), 0, 1.0, np.ones(2), True)
    run = jaxarc.open(recorder.run_dir)
    assert (run.status, len(run), run.record().series("loss").value.tolist()) == ("FINISHED", 1, [1.0])
    meta = {"name": "own", "experiment": "x", "params": {"lr": 1}}
    with RunContext(config, {"builders": [], "report": False}, None, meta, recorder=True) as context:
        assert context.recorder is not None
        with context.recorder.episode("a") as episode:
            episode.step(np.zeros(2), 0, 1.0, np.ones(2), True)
    own = jaxarc.open(context.run_dir)
    assert (own.status, len(own), own.params) == ("FINISHED", 1, {"lr": 1})
    assert own.name.startswith("own-")


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGTERM, id="SIGTERM"),
        pytest.param(signal.SIGINT, id="SIGINT", marks=pytest.mark.long),  # a loop's Ctrl-C is tested with it
    ],
)
def test_a_run_that_is_killed_says_so_and_has_what_it_had_drawn(tmp_path: Path, number: signal.Signals):
    """SIGTERM and Ctrl-C in the middle of a loop: KILLED, rows and pictures on disk."""
    program = f"""
        import sys, time
        import numpy as np
        from jaxarc import FieldArtifactBuilder, RunContext
        builder = FieldArtifactBuilder(html=False)
        context = RunContext(None, {{"builders": [builder]}}, None, "killed", {str(tmp_path)!r})
        with context:
            context.log_step(0, metrics={{"loss": 1.0}})
            context.maybe_snapshot(0, np.eye(3))
            print(context.run_dir, flush=True)
            time.sleep(60)
        """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    with child:
        run_dir = Path(child.stdout.readline().strip())
        child.send_signal(number)
        child.wait(timeout=60)
    run = jaxarc.open(run_dir)
    assert run.status == "KILLED"
    assert run.record().series("loss").value.tolist() == [1.0]
    (picture,) = run.record().media
    assert (run_dir / picture.path).is_file()


def test_pictures_of_builders_reach_every_tracker_that_asks(tmp_path: Path):
    """Metrics and media alike, once, while the run goes on or at its end."""
    memory = MemoryBackend()
    builder = FieldArtifactBuilder(html=False)
    with context_of(tmp_path, builder, backends=[memory]) as context:
        context.log_step(0, metrics={"loss": 1.0})
        context.maybe_snapshot(0, np.eye(2))
    said = [record.said for record in memory.records.values()]
    assert [each.path for each in said if isinstance(each, Media)] == ["plots/png/state_000000.png"]
    assert [each.metrics for each in said if isinstance(each, MetricBatch)] == [{"loss": 1.0}]
    assert memory.closed == "FINISHED"


def test_builders_by_name_are_what_the_configuration_says(tmp_path: Path):
    """png, html and fields reach them; their cadence is the configuration's."""
    config = {"builders": ["fields"], "html": False, "fields": ["a"], "report": False}
    with RunContext(None, config, None, None, tmp_path) as context:
        context.maybe_snapshot(0, {"a": np.eye(2), "b": np.eye(2)})
    assert context.run_dir is not None
    drawn = sorted(path.name for path in (context.run_dir / "plots").rglob("*.*"))
    assert drawn == ["a_000000.png"]
    assert isinstance(context._builders[0], FieldArtifactBuilder)


def test_the_report_shows_pictures_and_leads_to_pages(seed_run: jaxarc.ReplaySystem, open_page: OpenPage):
    """The last picture of each name is in it; pages and earlier steps are a link away, and all open."""
    page = open_page(seed_run.run_dir / "report/index.html")
    assert page.locator("h2").all_inner_texts()[:2] == ["Metrics", "Pictures"]
    names = page.locator(".media h3").all_inner_texts()
    assert names[:2] == ["fields/temperature", "curves"]
    assert "diagnostics/totals" in names
    widths = page.evaluate("Array.from(document.images, (image) => image.naturalWidth)")
    assert all(width > 0 for width in widths)
    links = page.locator(".media a").all()
    assert {link.inner_text() for link in links} == {"interactive page", "step 0", "step 4"}
    for link in links:
        target = (seed_run.run_dir / "report" / unquote(str(link.get_attribute("href")))).resolve()
        assert target.is_file()
    assert "By builders" in page.inner_text("main")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_report_shows_only_what_lies_in_its_run(tmp_path: Path):
    """Media that is gone, lies elsewhere or is none is passed over; names are text."""
    outside = tmp_path / "secret.png"
    outside.write_bytes(b"secret")
    name = "<script>alert(1)</script>"
    with context_of(tmp_path / "runs") as context:
        tracker = context.tracker
        tracker.log_image(name, np.zeros((4, 4), np.uint8), step=1)
        for path in ("../../../secret.png", str(outside), "gone.png", "plots", "a\0b"):
            tracker.log_event(Media(key=f"odd {path}", kind="image", path=path))
        tracker.log_event(Event("media", {"key": 3, "kind": None, "path": 7}))
    page = write_report(jaxarc.open(context.run_dir)).read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "odd" not in page
    assert "<script" not in page
    assert "c2VjcmV0" not in page
