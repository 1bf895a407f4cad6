"""Metrics as charts: in a notebook, and in the report of a run."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from written_runs import write_run

from jaxarc.records.experiment_events import ExperimentEvent, MetricBatch
from jaxarc.rendering.metric_curve import metric_curve
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views.metric_pictures import metric_pictures
from jaxarc.visualization.report import report_page

ODD = "<script>alert(1)</script> \N{GRINNING FACE} & “very” long " * 9


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """A run of three members that logged, and of values that are hard to draw."""
    said: list[ExperimentEvent] = []
    for step in (30, 0, 10, 20):
        for member in range(3):
            value = float("nan") if (member, step) == (2, 30) else step + float(member)
            said.append(
                MetricBatch(metrics={"loss": value}, step=step, ctx={"stream": "train", "member": member})
            )
        said.append(MetricBatch(metrics={"loss": 1.0}, step=step, ctx={"stream": "train", "agg": "mean"}))
    said += [
        MetricBatch(metrics={"accuracy": 0.5}, step=1, ctx={"phase": phase}) for phase in ("train", "test")
    ]
    said += [MetricBatch(metrics={ODD: "a <b> word", "big": 1e300}), MetricBatch(metrics={"big": -1e300})]
    return ReplaySystem(write_run(tmp_path_factory.mktemp("runs") / "one", list(said)))


def test_members_and_their_mean_are_one_chart(run: ReplaySystem):
    """The mean is the main line, members are faint; points stand in the order of their steps."""
    pictures = metric_pictures(run.metrics())
    assert [picture.name for picture in pictures] == [
        "loss", "accuracy (train)", "accuracy (test)", ODD, "big",
    ]  # fmt: skip
    loss = pictures[0]
    assert [line.is_main for line in loss.lines] == [False, False, False, True]
    assert loss.lines[1].at.tolist() == [0, 10, 20, 30]
    assert loss.lines[1].value.tolist() == [1, 11, 21, 31]
    assert (loss.num_members, loss.num_not_finite, loss.last, loss.axis) == (3, 1, 1.0, "step")
    assert pictures[3].last == "a <b> word"


def test_every_chart_is_whole_xml_without_a_number_that_cannot_be_drawn(run: ReplaySystem):
    """Odd names are text; huge values and words leave an empty chart."""
    for picture in metric_pictures(run.metrics()):
        svg = metric_curve(picture)
        ElementTree.fromstring(svg)
        assert "nan" not in svg
        assert "inf" not in svg.replace("infinite", "")
        assert "<script>" not in svg
    assert "3 members" not in metric_curve(metric_pictures(run.metrics())[0])
    assert "1 not finite" in metric_curve(metric_pictures(run.metrics())[0])


def test_series_show_themselves_in_a_notebook(run: ReplaySystem):
    """One series is a chart; a list of them one a metric."""
    assert run.metrics("loss", agg="mean")._repr_html_().count("<img") == 1
    assert run.metrics()._repr_html_().count("<img") == 5
    assert "No metric" in run.metrics(member=9)._repr_html_()
    assert np.isnan(run.metrics("loss", member=2).value[0])


def test_the_report_shows_what_was_logged(run: ReplaySystem, tmp_path: Path):
    """A section of charts; without metrics there is none."""
    page = report_page(run)
    assert page.count('alt="accuracy (') == 2
    assert "<h2>Metrics</h2>" in page
    assert "<script" not in page
    empty = ReplaySystem(write_run(tmp_path / "empty", []))
    assert "<h2>Metrics</h2>" not in report_page(empty)
