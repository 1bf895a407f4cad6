"""Builders draw a training's state while it goes on, when their cadence says so, and never end it."""

from __future__ import annotations

import io
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from browser import OpenPage
from PIL import Image

from jaxarc.config import ArtifactConfig, Cadence
from jaxarc.errors import ConfigError, RenderError, StorageError
from jaxarc.records.experiment_events import Log, Media
from jaxarc.visualization import (
    ArtifactBuilder,
    ArtifactFolder,
    BuilderGroup,
    CurvesArtifactBuilder,
    FieldArtifactBuilder,
    Snapshot,
)
from jaxarc.visualization.field_choice import chosen_fields
from jaxarc.visualization.thinned_series import ThinnedSeries


@dataclass
class Fluid:
    """A state of the kind that simulations have."""

    temperature: Any
    velocity: Any


class Noted(ArtifactBuilder):
    """Remembers when it was asked."""

    def __init__(self, **cadence: Any):
        super().__init__(cadence)
        self.asked: list[tuple[int, str]] = []
        self.ended = ""

    def snapshot(self, snapshot: Snapshot) -> None:
        self.asked.append((snapshot.step, snapshot.reason))

    def end(self, status: str) -> None:
        self.ended = status


class Broken(ArtifactBuilder):
    """A user's builder with a mistake in it."""

    def snapshot(self, snapshot: Snapshot) -> None:
        raise ZeroDivisionError("mine")


def pixels(path: Path) -> np.ndarray:
    """Return a picture's pixels."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def asked(steps: Any, *, every_step: Callable[[int], str | None] = lambda step: None, **cadence: Any) -> Any:
    """Return when a builder of a cadence is asked over some steps."""
    builder = Noted(**cadence)
    group = BuilderGroup([builder], Path(), lambda said: None)
    group.start()
    step = None
    for step in steps:
        group.offer(step, None, {}, every_step(step))
    group.end(step, None, {}, "FINISHED")
    assert builder.ended == "FINISHED"
    return builder.asked


def test_a_builder_is_asked_at_the_first_the_last_and_every_nth_step():
    """A step that is not handed over is made up for at the next one; nothing is drawn twice at the end."""
    assert asked(range(8), every=3) == [(0, "first"), (3, "every"), (6, "every"), (7, "last")]
    assert asked(range(0, 30, 7), every=10) == [(0, "first"), (14, "every"), (21, "every"), (28, "last")]
    assert asked(range(7), every=3, first=False, last=False) == [(0, "every"), (3, "every"), (6, "every")]
    assert asked(range(7), every=6) == [(0, "first"), (6, "every")]
    assert asked(range(5), first=False) == [(4, "last")]
    assert asked([]) == []


def test_a_builder_is_asked_when_something_happens_and_after_a_time():
    """Events that its cadence names, or any; the time counts from its last picture."""

    def breach(step: int) -> str | None:
        return "diagnostics" if step == 3 else "else" if step == 2 else None

    only = {"first": False, "last": False}
    assert asked(range(5), every_step=breach, **only) == [(3, "diagnostics")]
    assert asked(range(5), every_step=breach, on=["*"], **only) == [(2, "else"), (3, "diagnostics")]
    assert asked(range(5), every_step=breach, on=[], **only) == []
    assert asked(range(3), every_s=1e-9, **only) == [(0, "time"), (1, "time"), (2, "time")]
    assert asked(range(3), every_s=1e6, **only) == []


def test_an_exception_in_a_builder_is_counted_and_told_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Once for the builder on the log and in the record, with its traceback; strict raises it."""
    said: list[Media | Log] = []
    noted = Noted(every=1)
    group = BuilderGroup([Broken({"every": 1}), noted], tmp_path, said.append)
    group.start()
    for step in range(3):
        assert group.offer(step, None, {})
    group.end(2, None, {}, "FINISHED")
    assert [step for step, _ in noted.asked] == [0, 1, 2]
    health = group.health()
    assert (health.errors, health.snapshots) == (3, 3)
    assert "ZeroDivisionError: mine" in health.first_error
    (record,) = caplog.records
    assert record.getMessage().startswith(
        "Broken: snapshot of step 0 failed (ZeroDivisionError: mine); the run"
    )
    told, cost = said
    assert isinstance(told, Log)
    assert isinstance(cost, Log)
    assert cost.fields["errors"] == 3
    assert "mine" in told.fields["traceback"]
    strict = BuilderGroup([Broken()], tmp_path, said.append, strict=True)
    strict.start()
    with pytest.raises(ZeroDivisionError, match="mine"):
        strict.offer(0, None, {})


def test_a_builder_writes_below_its_run_and_nowhere_else(tmp_path: Path):
    """Whole files, each said once it is there; names of any kind become names of files."""
    said: list[Media] = []
    run = tmp_path / "run"
    run.mkdir()
    folder = ArtifactFolder(run, said.append)
    path = folder.write("plots/png/a.png", b"1", key="a", step=3, caption="words", meta={"x": 1})
    folder.write("plots/png/a.png", b"22")
    assert path.read_bytes() == b"22"
    assert (folder.num_files, folder.num_bytes) == (1, 3)
    assert said == [
        Media(key="a", kind="image", path="plots/png/a.png", step=3, caption="words", meta={"x": 1})
    ]
    (run / "out").symlink_to(tmp_path)
    for outside in ("../x.png", "/tmp/x.png", "plots/../../x", "out/x"):
        with pytest.raises(StorageError, match="leads out of the run"):
            folder.write(outside, b"")
    for name in ("../../a/b", "<script>", "a" * 900, ".hidden", "é ü", ""):
        made = folder.write(f"plots/{folder.step_name(name, 7, 'png')}", b"1")
        assert made.parent == run.resolve() / "plots"
    assert not list(tmp_path.glob("*.png"))


def test_fields_are_what_has_two_axes_or_what_is_named(tmp_path: Path):
    """Dataclasses, dicts and JAX arrays alike; what is not there or no field is said with what there is."""
    state = {
        "fluid": Fluid(jnp.ones((4, 6), jnp.bfloat16), np.zeros((3, 4, 6))),
        "mask": np.eye(3, dtype=bool),
        "count": 3,
        "empty": np.zeros((0, 5)),
        "complex": np.ones((2, 2), complex),
        "words": np.array([["a", "b"]]),
    }
    found = chosen_fields(state, None)
    assert list(found) == ["fluid.temperature", "mask"]
    assert found["fluid.temperature"].dtype == np.float32
    assert found["mask"].dtype == np.uint8
    assert list(chosen_fields(np.ones((2, 3)), None)) == ["state"]
    assert list(chosen_fields(state, ["fluid.temperature"])) == ["fluid.temperature"]
    named = {"speed": lambda state: state["fluid"].velocity[0], "T": "fluid.temperature"}
    assert {name: field.shape for name, field in chosen_fields(state, named).items()} == {
        "speed": (4, 6),
        "T": (4, 6),
    }
    assert list(chosen_fields(state, lambda state: state["fluid"].velocity[1])) == ["field"]
    with pytest.raises(RenderError, match=r"no 'fluid\.temprature'; it has fluid\.temperature, mask; did"):
        chosen_fields(state, ["fluid.temprature"])
    with pytest.raises(RenderError, match=r"shape \(3, 4, 6\), a heat map has two axes"):
        chosen_fields(state, ["fluid.velocity"])
    with pytest.raises(RenderError, match="of complex128"):
        chosen_fields(state, ["complex"])


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Media]]:
    """A run whose fields and metrics were drawn, with values and names of every kind."""
    run = tmp_path_factory.mktemp("drawn")
    said: list[Media | Log] = []
    cadence = Cadence(every=2)
    builders = [FieldArtifactBuilder(cadence=cadence), CurvesArtifactBuilder(log_scale=["grad*"])]
    group = BuilderGroup(builders, run, said.append, name="a <run> & more", strict=True)
    group.start()
    y, x = np.mgrid[0:20, 0:30]
    state, metrics = {}, {}
    for step in range(5):
        field = np.exp(-((x - 5 * step) ** 2 + (y - 10.0) ** 2) / 30)
        if step == 4:
            field[0, :3], field[1, 0], field[2, :2] = np.nan, np.inf, -np.inf
        state = {"T <b>$x$</b>": field, "wide": np.tile(np.arange(1.0, 601.0), (2, 1))}
        metrics = {"loss": 1 / (step + 1), "grad norm": math.exp(-step), "words": "no number"}
        metrics["nan<script>"] = math.nan if step == 2 else step
        group.log(step, metrics)
        group.offer(step, state, metrics)
    group.end(4, state, metrics, "FINISHED")
    return run, [each for each in said if isinstance(each, Media)]


def test_a_heat_map_is_a_picture_with_its_numbers_in_words(drawn: tuple[Path, list[Media]]):
    """One file a field and step; what is no finite number is counted, and has a colour of its own."""
    run, said = drawn
    pictures = [each for each in said if each.key == "fields/T <b>$x$</b>"]
    assert [each.step for each in pictures] == [0, 2, 4]
    assert pictures[-1].caption.endswith("3 NaN · 1 +inf · 2 \u2212inf")
    first, last = (pixels(run / pictures[at].path) for at in (0, -1))
    assert min(last.shape[:2]) > 300
    red = np.array([0xE5, 0x17, 0x2F])
    assert (last == red).all(-1).sum() > 100
    assert not (first == red).all(-1).any()


def test_the_same_state_gives_the_same_picture(tmp_path: Path):
    """Byte for byte: no date, no version in it."""
    contents = []
    for name in "ab":
        (tmp_path / name).mkdir()
        group = BuilderGroup([FieldArtifactBuilder(html=False)], tmp_path / name, lambda said: None)
        group.start()
        group.offer(0, np.arange(12.0).reshape(3, 4), {})
        contents.append((tmp_path / name / "plots/png/state_000000.png").read_bytes())
    assert contents[0] == contents[1]
    assert "Software" not in Image.open(io.BytesIO(contents[0])).info


def test_pages_open_in_a_browser_without_network(drawn: tuple[Path, list[Media]], open_page: OpenPage):
    """Plotly draws at any width; the slider goes from step to step; names stay text."""
    run, said = drawn
    pages = {each.key: each for each in said if each.kind == "html"}
    assert "one of each 1\u00d74 cells" in (run / pages["fields/wide/interactive"].path).read_text()
    assert set(pages) == {"fields/T <b>$x$</b>/interactive", "fields/wide/interactive", "curves/interactive"}
    page = open_page(run / pages["fields/T <b>$x$</b>/interactive"].path, width=360, color_scheme="dark")
    assert page.inner_text("h1") == "T <b>$x$</b>"
    assert page.inner_text("header p") == "a <run> & more"
    page.wait_for_selector(".heatmaplayer image")
    assert "step 4 " in page.inner_text("#words")
    page.locator("input[type=range]").press("Home")
    assert page.inner_text("output") == "step 0"
    assert "NaN" not in page.inner_text("#words")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page = open_page(run / pages["curves/interactive"].path)
    page.wait_for_selector(".scatterlayer path.js-line")
    assert page.locator("h2").all_inner_texts() == ["loss", "grad norm", "nan<script>"]
    assert "1 not finite" in page.inner_text("#plots")


def test_curves_are_drawn_at_the_end_and_take_what_is_a_number(drawn: tuple[Path, list[Media]]):
    """One picture of all of them; words are passed over; a logarithmic axis only where all is above zero."""
    run, said = drawn
    assert [(each.path, each.step) for each in said if each.key == "curves"] == [("plots/png/curves.png", 4)]
    assert min(pixels(run / "plots/png/curves.png").shape[:2]) > 250
    text = (run / "plots/interactive/curves.html").read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found
    curves = json.loads(found[1])["curves"]
    assert [(each["name"], each["log"]) for each in curves] == [
        ("loss", False),
        ("grad norm", True),
        ("nan<script>", False),
    ]


def test_the_last_curves_are_told_of_also_where_the_cadence_drew_them(tmp_path: Path):
    """Who shows pictures elsewhere gets those of the end, not those of the first time."""
    said: list[Any] = []
    builder = CurvesArtifactBuilder(cadence=Cadence(every=1), html=False)
    group = BuilderGroup([builder], tmp_path, said.append)
    group.start()
    for step in range(3):
        group.log(step, {"loss": 1.0 / (step + 1)})
        group.offer(step, None, {})
    group.end(2, None, {}, "FINISHED")
    assert [each.step for each in said if isinstance(each, Media)] == [0, 2]


def test_a_curve_of_any_length_keeps_a_thousand_points():
    """Means of neighbours between the least and the largest of them; nothing is lost of the range."""
    series = ThinnedSeries()
    values = np.random.default_rng(0).normal(size=5_003)
    values[100] = 50.0
    for step, value in enumerate(values):
        series.add(step, math.inf if step == 7 else float(value))
    step, mean, low, high = series.points()
    assert len(step) <= 1_000
    assert (series.count, series.not_finite, series.is_thinned) == (5_003, 1, True)
    assert step[-1] == 5_002
    assert (np.diff(step) > 0).all()
    assert ((low <= mean) & (mean <= high)).all()
    assert high.max() == 50.0
    assert low.min() == np.delete(values, 7).min()
    assert series.last == values[-1]


def test_values_at_the_end_of_what_floats_hold_are_drawn(tmp_path: Path):
    """The largest floats, all NaN, one value everywhere, one row: a picture each."""
    builders = [FieldArtifactBuilder(html=False), CurvesArtifactBuilder(html=False)]
    group = BuilderGroup(builders, tmp_path, lambda said: None, strict=True)
    group.start()
    largest = np.finfo(np.float64).max
    state = {
        "largest": np.array([[-largest, largest]]),
        "nothing": np.full((2, 2), np.nan),
        "one": np.ones((3, 1)),
        "日本 🎉": np.eye(2),
    }
    for step in range(3):
        group.log(step, {"huge": largest * (-1) ** step, "nan": math.nan, "日本 🎉": step})
    group.offer(0, state, {})
    group.end(0, state, {}, "FINISHED")
    assert len(list((tmp_path / "plots/png").iterdir())) == 5


def test_the_page_keeps_evenly_spread_steps_and_the_last(tmp_path: Path):
    """A run of any length has a page of bounded size."""
    builder = FieldArtifactBuilder(png=False, cadence={"every": 1})
    group = BuilderGroup([builder], tmp_path, lambda said: None, strict=True)
    group.start()
    for step in range(150):
        group.offer(step, np.full((2, 2), float(step)), {})
    group.end(149, None, {}, "FINISHED")
    text = (tmp_path / "plots/interactive/state.html").read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text)
    assert found
    steps = [frame["step"] for frame in json.loads(found[1])["frames"]]
    assert steps == [*range(0, 149, 4), 149]


def test_a_builder_stops_at_its_number_of_files(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Events and the last step are drawn all the same; what was passed over is counted."""

    class Writes(ArtifactBuilder):
        def snapshot(self, snapshot: Snapshot) -> None:
            self.folder.write(f"{snapshot.step}", b"1")

    group = BuilderGroup([Writes({"every": 1})], tmp_path, lambda said: None, max_files=2)
    group.start()
    for step in range(6):
        group.offer(step, None, {}, "diagnostics" if step == 4 else None)
    group.end(6, None, {}, "FINISHED")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "4", "6"]
    assert group.health().passed_over == 3
    assert "artifacts.max_files" in caplog.text


def test_what_is_wrong_with_an_artifact_configuration_is_said_at_once():
    """Every key, with its value and a way out."""
    with pytest.raises(ConfigError) as caught:
        ArtifactConfig.from_dict(
            {"builders": ["field"], "cadence": {"every": 0}, "max_files": -1, "pgn": True, "fields": 3}
        )
    message = str(caught.value)
    for words in ("did you mean png", "one of fields, curves, got 'field'", "cadence.every", "max_files"):
        assert words in message
    with pytest.raises(ConfigError, match=r"make one: Noted\(\)"):
        ArtifactConfig(builders=[Noted])
    noted = Noted()
    assert ArtifactConfig(builders=[noted, "curves"]).builders == (noted, "curves")
    assert ArtifactConfig(builders=noted).builders == (noted,)


@pytest.mark.long
def test_a_film_of_a_field_is_made_at_the_end(tmp_path: Path):
    """MP4, from the steps that the page keeps."""
    said: list[Media | Log] = []
    builder = FieldArtifactBuilder(png=False, html=False, video=True, cadence={"every": 1})
    group = BuilderGroup([builder], tmp_path, said.append, strict=True)
    group.start()
    for step in range(3):
        group.offer(step, np.eye(4) * step, {})
    group.end(2, None, {}, "FINISHED")
    assert [(each.kind, each.path) for each in said if isinstance(each, Media)] == [
        ("video", "video/state.mp4")
    ]
    assert b"ftyp" in (tmp_path / "video/state.mp4").read_bytes()[:12]
