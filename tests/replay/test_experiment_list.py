"""Runs by their params, metrics, tags and status: asked in one language, read once."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import pytest
from experiment_runs import experiment_run
from run_rows import make_rows, run_of_rows

from jaxarc.records.experiment_events import DefineMetric, MetricBatch
from jaxarc.replay import experiment_glance as glances
from jaxarc.replay.experiment_columns import names_in_full, speaks_of_experiments
from jaxarc.replay.experiment_glance import GLANCE_FILE, experiment_glance
from jaxarc.replay.query import where_mask
from jaxarc.replay.run_list import RUN_COLUMNS, run_table


def members(*values: float) -> list[MetricBatch]:
    """Return a metric of several members, and its mean."""
    said = [MetricBatch(metrics={"ret": v}, step=1, ctx={"member": m}) for m, v in enumerate(values)]
    return [*said, MetricBatch(metrics={"ret": sum(values) / len(values)}, step=1, ctx={"agg": "mean"})]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four runs that say different things of themselves."""
    root = tmp_path_factory.mktemp("listed") / "exp"
    lost = experiment_run(root / "d", params={"seed": 6}, status="RUNNING", hostname="elsewhere")
    os.utime(lost / "run.json", (0, 0))
    return [
        experiment_run(
            root / "a",
            params={"lr": 0.1, "seed": 3, "net.act": "relu", "gae": True},
            metrics={"loss": [1.0, 0.5], "val/acc (top 1)": [0.9]},
            tags={"good": None, "kind": "ppo"},
            said=members(1.0, 3.0),
        ),
        experiment_run(
            root / "b",
            params={"lr": 1, "seed": 4, "net.act": "tanh", "gae": False},
            metrics={"loss": [1.0, math.nan]},
            said=[DefineMetric(key="loss", summary="min"), *members(5.0, 7.0)],
        ),
        experiment_run(root / "c", params={"lr": "auto", "seed": 5}, status="FAILED"),
        lost,
    ]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("params.seed >= 4", "bcd"),
        ("seed in [3, 6]", "ad"),
        ("net.act like 'rel*'", "a"),
        ("gae", "a"),
        ("not gae and status == 'FINISHED'", "b"),
        ("lr == '0.1'", "a"),
        ("metrics.loss == 1", "b"),
        ("loss < 0.6 or seed == 5", "ac"),
        ("`metrics.val/acc (top 1)` > 0.5", "a"),
        ("val/acc (top 1) > 0.5 and tags.good", "a"),
        ("tags.kind == 'ppo'", "a"),
        ("kind == 'loss'", ""),
        ("ret > 2", "b"),
        ("metrics.ret[member=1] >= 3", "ab"),
        ("ret[member=0] > 2", "b"),
        ("status == 'LOST'", "d"),
    ],
)
def test_runs_are_chosen_by_what_they_say(runs: list[Path], where: str, found: str):
    """Prefixed or bare names, whatever they are made of; of several members the mean counts."""
    table = run_table(runs, with_experiments=True)
    full = names_in_full(where, [name for name in table.columns if "." in name], RUN_COLUMNS)
    chosen = where_mask(full, table)
    assert "".join(name for name, is_chosen in zip("abcd", chosen, strict=True) if is_chosen) == found


def test_only_what_speaks_of_experiments_reads_their_records():
    """Lists that ask for what ``run.json`` says stay as quick as they were."""
    assert not speaks_of_experiments("run like 'lr*' and status == 'x' and not episodes > 3", RUN_COLUMNS)
    assert speaks_of_experiments("lr > 3", RUN_COLUMNS)
    assert names_in_full("status == 'lr' and lr > 1", ["params.lr", "params.status"], RUN_COLUMNS) == (
        "status == 'lr' and `params.lr` > 1"
    )


def test_a_run_is_read_once_until_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is kept gives the same; a run that is written, or cannot be written into, keeps nothing."""
    run_dir = experiment_run(
        tmp_path / "run", metrics={"loss": [math.nan], "big": [math.inf]}, params={"a": 2**70}
    )
    first = experiment_glance(run_dir, is_running=True)
    assert not (run_dir / GLANCE_FILE).exists()
    experiment_glance(run_dir, is_running=False)
    with monkeypatch.context() as patched:
        patched.setattr(glances, "full_record", lambda _: pytest.fail("the run was read again"))
        kept = experiment_glance(run_dir, is_running=False)
    assert repr(kept) == repr(first)
    with (run_dir / "events" / "p000-000001.jsonl").open("ab") as file:
        file.write(
            b'{"v":1,"t":"param","m":{"seq":9,"ts":1,"wid":"p000"},"p":{"key":"b","value":1}}\nno event\n'
        )
    grown = experiment_glance(run_dir, is_running=False)
    assert grown.params == {"a": 2**70, "b": 1}
    assert len(grown.problems) == 1
    for damage in (b"", b"[]", b'{"version": 1}', json.dumps({"version": 1, "signature": 3}).encode()):
        (run_dir / GLANCE_FILE).write_bytes(damage)
        assert repr(experiment_glance(run_dir, is_running=False)) == repr(grown)


def test_what_every_stream_has_is_listed_without_anybody_logging_it(tmp_path: Path):
    """Curves are metrics too."""
    run_dir = run_of_rows(tmp_path, make_rows(30))
    said = experiment_glance(run_dir, is_running=False).summary
    assert any(name.startswith("train/episode_return_mean") for name in said)
    table = run_table([run_dir], with_experiments=True)
    assert 0 <= table["metrics.train/success_rate"][0] <= 1
    damaged = experiment_run(tmp_path / "damaged", metrics={"loss": [1.0]})
    (damaged / "steps" / "p000-000001.h5").write_bytes(b"torn")
    found = experiment_glance(damaged, is_running=False)
    assert found.metrics == {"loss": 1.0}
    assert "p000-000001.h5" in found.problems[0]
