"""A report as tables of at most a hundred columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from jaxarc.bench.results import Report, VariantResult, WorkloadResult
from jaxarc.bench.targets import COMPILE_EXTRA_S, COMPILE_RATIO, TARGET_PAIRS, target_of

__all__ = ["WIDTH", "missed_targets", "report_lines", "workload_lines"]

WIDTH = 100
"""Columns that every line fits into."""

_NAME_WIDTH = 16


def workload_lines(workload: WorkloadResult) -> Iterator[RenderableType]:
    """Yield a workload's heading and its table of times."""
    yield Text(f"\n{workload.title}", style="bold")
    yield Text(_what_was_timed(workload), style="dim")
    table = _table("ratio", "95 %", "target", "none µs", "extra µs", "backlog µs", "pairs")
    for variant in workload.variants:
        table.add_row(variant.name, *_times(workload, variant))
    yield table


def report_lines(report: Report) -> Iterator[RenderableType]:
    """Yield what stands below the tables of times: programs, cache, targets, and what was measured."""
    yield from _programs(report.workloads)
    if report.cache:
        held = ", ".join(
            f"{level} {found['hits']}/{found['requests']}" for level, found in report.cache.items()
        )
        yield Text(f"\nFound by a second process in the persistent compilation cache: {held}")
    yield Text("\nTargets", style="bold")
    missed = missed_targets(report)
    for line in missed or ["every target that was measured is met"]:
        yield Text(line, style="yellow" if missed else "green")
    fewest = min((len(v.pairs) for w in report.workloads for v in w.variants if v.pairs), default=0)
    if fewest < TARGET_PAIRS and report.settings.get("num_pairs", 0) < TARGET_PAIRS:
        yield Text(f"Targets are meant for {TARGET_PAIRS} pairs; with fewer the intervals are wider.")
    if report.left_out:
        yield Text("\nLeft out", style="bold")
        for name, why in report.left_out.items():
            yield Text(f"{name}: {why}", style="yellow")
    yield Text("\nMeasured", style="bold")
    for sentence in report.measured:
        yield Text(sentence)
    yield Text(f"\n{_where(report)}")
    load, cores = report.machine.get("load_before", 0.0), report.machine["cores"]
    if load > cores / 2:
        busy = f"The machine was busy when this began (load {load:.1f} on {cores} cores)"
        yield Text(f"{busy}: measure again when it is idle.", style="yellow")


def missed_targets(report: Report) -> list[str]:
    """Return a sentence for each target that was measured and missed."""
    missed = []
    for workload in report.workloads:
        for variant in workload.variants:
            where = f"{workload.title}, {variant.name}"
            by = workload.missed_by(variant)
            if by and variant.ratio is not None:
                target = target_of(workload.name, variant.name)
                upper = f"{variant.ratio.high:.3f} at the upper end"
                missed.append(f"{where}: {upper}, target {target:.2f}, missed by {by:.3f}")
            if variant.same_program is False:
                missed.append(f"{where}: the lowered program differs from the one without a recorder")
            if workload.compiles_within(variant) is False:
                extra = median(variant.compile_s) - median(workload.compile_s)
                times = median(variant.compile_s) / median(workload.compile_s)
                missed.append(
                    f"{where}: compiles {times:.2f} times as long (+{extra:.2f} s), "
                    f"target {COMPILE_RATIO:.2f} times or +{COMPILE_EXTRA_S:.1f} s"
                )
            if variant.losses:
                losses = ", ".join(f"{kind} {count}" for kind, count in variant.losses.items())
                missed.append(f"{where}: lost {losses}")
    return missed


def _where(report: Report) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in report.versions.items())
    machine = f"{report.machine['cores']} cores, {report.machine['device']}"
    return f"{machine}; {packages}; {report.time}{f', commit {report.commit}' if report.commit else ''}"


def _what_was_timed(workload: WorkloadResult) -> str:
    calls = max((variant.calls_per_batch for variant in workload.variants if variant.level), default=0)
    return f"a call: {workload.call}; a batch: {calls} call{'s' if calls != 1 else ''}"


def _times(workload: WorkloadResult, variant: VariantResult) -> Sequence[str | Text]:
    if variant.same_program is not None:
        return ["", Text("same program", "green") if variant.same_program else Text("differs", "bold red")]
    ratio, none, extra, backlog = variant.ratio, variant.none_us, variant.extra_us, variant.backlog_us
    if ratio is None or none is None or extra is None or backlog is None:
        return ["", "not timed"]
    return [
        _ratio(ratio.median),
        f"{_ratio(ratio.low)}-{_ratio(ratio.high)}",
        _verdict(workload, variant),
        _number(none.median),
        _number(extra.median),
        _number(backlog.median) if variant.level else "",
        str(len(variant.pairs)),
    ]


def _verdict(workload: WorkloadResult, variant: VariantResult) -> Text | str:
    by, target = workload.missed_by(variant), target_of(workload.name, variant.name)
    if by is None or target is None:
        return ""
    return Text(f"{target:.2f} +{by:.2f}", "yellow") if by else Text(f"{target:.2f} met", "green")


def _programs(workloads: Sequence[WorkloadResult]) -> Iterator[RenderableType]:
    """Yield the table of what the compiled programs are and send."""
    yield Text("\nPrograms", style="bold")
    yield Text(
        "compiled from empty caches; MB: device memory for temporaries and outputs; recompiles: under a new\n"
        "Recorder; callbacks, kB that cross and the writer's work: of one call",
        style="dim",
    )
    heads = ("compile s", "ratio", "MB", "recompiles", "callbacks", "kB", "writer ms", "commit ms")
    for workload in workloads:
        table = _table(*heads)
        table.title, table.title_justify, table.title_style = workload.title, "left", "bold"
        table.add_row("none", *_program_cells(workload.compile_s, None, workload.memory_bytes))
        for variant in workload.variants:
            if not variant.compile_s:
                continue
            compiled = _program_cells(variant.compile_s, workload.compile_s, variant.memory_bytes)
            table.add_row(variant.name, *compiled, *_crossing_cells(variant))
        yield table


def _program_cells(
    compile_s: Sequence[float], none_s: Sequence[float] | None, memory_bytes: int | None
) -> list[str]:
    seconds = median(compile_s)
    ratio = f"{seconds / median(none_s):.2f}" if none_s else ""
    return [f"{seconds:.2f}", ratio, "" if memory_bytes is None else _number(memory_bytes / 1e6)]


def _crossing_cells(variant: VariantResult) -> list[str]:
    if variant.callbacks_per_call is None or variant.bytes_per_call is None:
        return []
    recompiles = "" if variant.recompiles is None else str(variant.recompiles)
    written_ms = 1e3 * (variant.write_s_per_call or 0.0)
    callbacks, kilobytes = f"{variant.callbacks_per_call:g}", _number(variant.bytes_per_call / 1e3)
    commit = f"{1e3 * variant.commit_s.median:.0f}" if variant.commit_s else ""
    return [recompiles, callbacks, kilobytes, _number(written_ms), commit]


def _table(*headings: str) -> Table:
    table = Table(header_style="dim", box=None, pad_edge=False)
    table.add_column("", min_width=_NAME_WIDTH, no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True, min_width=max(len(heading), 5))
    return table


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 9.9995 else f"{value:.1f}"


def _number(value: float) -> str:
    """Return a number with about three digits that count."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
