"""A report as the table that README shows."""

from __future__ import annotations

from collections.abc import Sequence

from jaxarc.bench.results import Report, VariantResult, WorkloadResult
from jaxarc.bench.targets import TARGETS, target_of

__all__ = ["markdown_table"]

_ROWS = ("off", "minimal", "verbose", "full", "verbose, drawing", "callback a step", "callback in vmap")


def markdown_table(report: Report) -> str:
    """Return ratios with the upper ends of their intervals, what was missed, and where it was measured.

    Workloads with targets come first; those without have microseconds a step beside the ratio, since nothing
    hides ours there.

    Args:
        report: the measurements.
    """
    with_targets = [workload for workload in report.workloads if workload.name in TARGETS]
    others = [workload for workload in report.workloads if workload.name not in TARGETS]
    parts = [_table(workloads) for workloads in (with_targets, others) if workloads]
    return "\n\n".join([*parts, _legend(report)])


def _table(workloads: Sequence[WorkloadResult]) -> str:
    lines = [
        "| | " + " | ".join(workload.title for workload in workloads) + " |",
        "|---" * (len(workloads) + 1) + "|",
    ]
    for name in _ROWS:
        found = [_variant(workload, name) for workload in workloads]
        if any(found):
            cells = [_cell(workload, variant) for workload, variant in zip(workloads, found, strict=True)]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _variant(workload: WorkloadResult, name: str) -> VariantResult | None:
    return next((variant for variant in workload.variants if variant.name == name), None)


def _cell(workload: WorkloadResult, variant: VariantResult | None) -> str:
    if variant is None:
        return ""
    if variant.same_program is not None:
        return "same program" if variant.same_program else "another program"
    ratio, extra = variant.ratio, variant.extra_us
    if ratio is None or extra is None:
        return ""
    figures = f"{_number(ratio.median)} ({_number(ratio.high)})"
    if workload.name not in TARGETS:
        return f"{figures}, {extra.median:+,.1f} µs" if variant.level else figures
    target = target_of(workload.name, variant.name)
    return f"{figures} of {target:.2f}" if workload.missed_by(variant) else figures


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.0f}"


def _legend(report: Report) -> str:
    machine, versions = report.machine, report.versions
    pairs = max((len(v.pairs) for w in report.workloads for v in w.variants), default=0)
    where = f"{machine['cores']} cores, {machine['device']}, JAX {versions.get('jax', '?')}"
    return (
        f"Time to that without a recorder: median of {pairs} interleaved pairs, and the upper end of its "
        f"95 % interval; where that is past its target, the target. {where}, {report.time[:10]}."
    )
