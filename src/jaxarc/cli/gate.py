"""``jaxarc gate``: is a run good enough?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.picture_files import checked_out
from jaxarc.cli.terminal import terminal
from jaxarc.replay import ReplaySystem, open_run
from jaxarc.replay.gates import Gate, GateResult, gate_of_run

__all__ = ["NOT_PASSED", "judge_run"]

NOT_PASSED = 1
"""Exit code where a gate is not passed."""


def judge_run(
    name: str,
    metrics: Sequence[str],
    *,
    limits: Mapping[str, Any],
    baseline: str | None,
    any_status: bool,
    chart: Path | None,
    alert: bool,
    as_json: bool,
    root: str | None,
) -> None:
    """Run the command.

    Args:
        name: what ``jaxarc.open`` takes.
        metrics: the metrics, each of which has to keep the limits.
        limits: ``max, min, of, direction, tolerance`` of the gates.
        baseline: a baseline or a run; None without.
        any_status: let runs pass however they ended.
        chart: where a picture goes; None for none.
        alert: write an alert into the run where it does not pass.
        as_json: print one JSON document.
        root: where runs are looked for.

    Raises:
        JaxArcError: no such run or baseline, or a gate that asks for what cannot be answered.
        typer.Exit: with 1 where it does not pass.
    """
    run = open_run(name, root)
    if chart is not None:
        checked_out(chart, run, "gate")
    gates = [Gate(metric=metric, **limits) for metric in metrics]
    found = gate_of_run(run, gates, baseline, root=root, any_status=any_status)
    picture = None if chart is None else found.chart().save(chart)
    if alert and not found.passed:
        _alert(run, found)
    if as_json:
        print_json(
            {**found.to_dict(), "run_dir": run.run_dir, "chart": picture, "alerted": alert and not found}
        )
    else:
        _print(found)
        if picture is not None:
            terminal().print(Text(str(picture), style="dim"), soft_wrap=True)
    if not found.passed:
        raise typer.Exit(NOT_PASSED)


def _print(found: GateResult) -> None:
    console = terminal()
    for number, line in enumerate(str(found).split("\n")):
        good, bad = line.strip().startswith("passed"), line.strip().startswith(("FAILED", "failed"))
        style = "green" if good else "red" if bad or line.strip().startswith("damaged") else ""
        console.print(Text(line, style=f"bold {style}" if number == 0 else style), soft_wrap=True)


def _alert(run: ReplaySystem, found: GateResult) -> None:
    """Write into the run what does not pass."""
    from jaxarc.replay.gate_alerts import alerts_of

    for said in alerts_of(found):
        event = said.event()
        run.annotations.append(event.type, dict(event.payload))
