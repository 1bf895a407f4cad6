"""Tables fit a hundred columns, cut nothing, and say what was missed."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from jaxarc.bench.markdown import markdown_table
from jaxarc.bench.results import Pair, Report, VariantResult, WorkloadResult, load_report
from jaxarc.bench.table import WIDTH, missed_targets, report_lines, workload_lines
from jaxarc.bench.targets import TARGETS, compile_is_within
from jaxarc.errors import DamagedFileError


def recorded(name: str, ratio: float, *, none_s: float = 20.0, spread: float = 0.0) -> VariantResult:
    """Return a level that was timed over nine pairs, with figures as wide as they get."""
    pairs = [
        Pair(none_s, none_s * (ratio + spread * (i - 4)), 12.0, 9.0, none_first=i % 2 == 0) for i in range(9)
    ]
    return VariantResult(
        name=name,
        level=name.partition(",")[0],
        calls_per_batch=1234,
        steps_per_batch=1000,
        none_steps_per_batch=1000,
        pairs=pairs,
        compile_s=[123.4, 125.0],
        memory_bytes=12_345_678_901,
        recompiles=0,
        callbacks_per_call=12345.0,
        bytes_per_call=123_456_789.0,
        write_s_per_call=123.4,
    )


def by_hand(name: str, ratio: float) -> VariantResult:
    """Return a callback of one's own."""
    return replace(recorded(name, ratio), level="", callbacks_per_call=None, bytes_per_call=None)


def workload(name: str, *variants: VariantResult) -> WorkloadResult:
    """Return a workload's results."""
    return WorkloadResult(
        name=name,
        title="PPO on gymnax's CartPole, 64 envs",
        num_envs=64,
        num_steps=640,
        loops=1,
        call="a whole train(): 2 seeds, 30 updates of 32 steps",
        compile_s=[100.0],
        memory_bytes=12_345_678_901,
        variants=[VariantResult("off", "off", same_program=True), *variants],
    )


def report(*workloads: WorkloadResult, **facts) -> Report:
    """Return a report of them."""
    return Report(
        time="2026-01-02T03:04:05+00:00",
        commit="abc1234",
        machine={"cores": 2, "device": "cpu"},
        versions={"jax": "0.10.2"},
        settings={"num_pairs": 9},
        measured=["Pairs of batches."],
        workloads=workloads,
        cache={"none": {"hits": 1, "requests": 1}, "verbose": {"hits": 0, "requests": 1}},
        **facts,
    )


def printed(full: Report) -> str:
    """Return what a terminal of a hundred columns shows."""
    text = io.StringIO()
    console = Console(file=text, width=WIDTH, force_terminal=True, color_system=None)
    for result in full.workloads:
        for line in workload_lines(result):
            console.print(line)
    for line in report_lines(full):
        console.print(line)
    return text.getvalue()


WIDE = report(
    workload(
        "ppo-cartpole",
        recorded("minimal", 1.05),
        recorded("verbose", 1234.5, spread=0.1),
        recorded("verbose, drawing", 9.9994),
        by_hand("callback in vmap", 12345.6),
    ),
    left_out={"ppo-arc": "there is no ppo.py in the folder that was given"},
)


def test_the_widest_figures_fit_a_hundred_columns() -> None:
    """Nothing is cut, no line is wrapped in the middle of a table."""
    lines = printed(WIDE).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "…" not in "".join(lines)
    heads = [line.split() for line in lines if "ratio" in line]
    assert any(head[-1] == "pairs" for head in heads)
    rows = [line for line in lines if line.startswith("callback in vmap")]
    assert rows[0].split()[-1] == "9"
    assert "12345.6" in rows[0]
    row = next(line for line in lines if line.startswith("minimal") and "123,457" in line)
    assert row.split()[-1] == "9000"


def test_a_table_says_what_is_met_and_what_is_missed_by_how_much() -> None:
    """Targets stand beside the upper ends that they are compared with."""
    text = printed(WIDE)
    assert "same program" in text
    assert f"{TARGETS['ppo-cartpole']['minimal']:.2f} met" in text
    assert "none 1/1, verbose 0/1" in text
    assert "ppo-arc: there is no ppo.py" in text


def test_a_busy_machine_is_named() -> None:
    """Figures of a machine that did other things are not worth a decision."""
    busy = replace(WIDE, machine={**WIDE.machine, "load_before": 7.5})
    assert "load 7.5 on 2 cores" in printed(busy)
    assert "busy" not in printed(WIDE)
    assert "2 cores, cpu; jax 0.10.2" in printed(WIDE)


def test_what_is_missed_is_said_in_sentences() -> None:
    """Ratios by their upper end, compile times, losses, and a program that is another one."""
    slow = replace(recorded("full", 1.15, spread=0.02), compile_s=[126.0])
    lossy = replace(recorded("minimal", 1.05), losses={"dropped_steps": 3})
    odd = VariantResult("off", "off", same_program=False)
    results = replace(workload("ppo-cartpole", slow, lossy), variants=[odd, slow, lossy])
    missed = missed_targets(report(results))
    assert [line.partition(", 64 envs, ")[2].partition(":")[0] for line in missed] == [
        "off",
        "full",
        "full",
        "minimal",
    ]
    assert "1.210 at the upper end, target 1.20, missed by 0.010" in missed[1]
    assert "1.26 times as long" in missed[2]
    assert "dropped_steps 3" in missed[3]
    assert missed_targets(report(workload("ppo-cartpole", recorded("full", 1.1)))) == []
    assert "every target that was measured is met" in printed(
        report(workload("ppo-cartpole", recorded("full", 1.1)))
    )


@pytest.mark.parametrize(
    ("none_s", "variant_s", "is_within"),
    [(10.0, 12.4, True), (10.0, 12.6, False), (0.5, 0.79, True), (0.5, 0.81, False)],
)
def test_compiling_may_take_a_quarter_longer_or_three_tenths_of_a_second(
    none_s: float, variant_s: float, is_within: bool
) -> None:
    """Either is enough; medians are compared."""
    assert compile_is_within([none_s, none_s, 99.0], [variant_s]) is is_within


def test_markdown_has_a_row_for_every_level_and_a_column_for_every_workload() -> None:
    """Those with targets first; the others with microseconds."""
    lines = markdown_table(
        report(
            workload("cartpole-64", recorded("full", 2.0, none_s=0.01)),
            workload("arc-64", recorded("full", 1.2), by_hand("callback a step", 30.0)),
        )
    ).splitlines()
    assert lines[0].count("|") == lines[1].count("|") == 3
    assert "| off | same program |" in lines
    assert "| full | 1.20 (1.20) of 1.10 |" in lines
    assert "| callback a step | 30 (30) |" in lines
    assert "| full | 2.00 (2.00), +10.0 µs |" in lines
    assert "2 cores, cpu, JAX 0.10.2, 2026-01-02" in lines[-1]


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"benchmark": "rendering"}', '{"benchmark": "overhead", "schema": 0}']
)
def test_a_file_that_is_no_report_is_named(tmp_path: Path, content: str | None) -> None:
    """Missing, no JSON, or of something else."""
    path = tmp_path / "overhead.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(DamagedFileError, match=r"overhead\.json"):
        load_report(path)
