"""The whole benchmark: workloads one after the other, and the report of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from jaxarc.bench.cache_probe import measure_cache
from jaxarc.bench.compiling import CompileCounter
from jaxarc.bench.intervals import CONFIDENCE
from jaxarc.bench.machine import commit, machine, versions
from jaxarc.bench.measure import Effort, measure_workload
from jaxarc.bench.results import Report, WorkloadResult
from jaxarc.bench.variants import SELECTED_ENVS
from jaxarc.bench.workloads import Workload

__all__ = ["CACHE_CASES", "FULL_EFFORT", "QUICK_CACHE_CASES", "QUICK_EFFORT", "run_benchmark"]

CACHE_CASES = ("none", "off", "minimal", "verbose", "full")
QUICK_CACHE_CASES = ("none", "verbose")
FULL_EFFORT = Effort(num_pairs=30, batch_s=0.2, warm_s=2.0, num_compiles=3, control=True)
QUICK_EFFORT = Effort(num_pairs=9, batch_s=0.1, warm_s=0.5, num_compiles=1, control=False)


def run_benchmark(
    workloads: Sequence[Workload],
    effort: Effort,
    *,
    left_out: Mapping[str, str] | None = None,
    cache_cases: Sequence[str] = (),
    tell: Callable[[str], None] = lambda _: None,
    show: Callable[[WorkloadResult], None] = lambda _: None,
) -> Report:
    """Measure workloads.

    Args:
        workloads: in the order in which they are measured.
        effort: how much is measured of each.
        left_out: why workloads that were asked for are not among them, by name.
        cache_cases: levels whose programs two child processes look for in the persistent compilation cache,
            and ``none`` for no recorder.
        tell: hears what is being done.
        show: hears each result as soon as it is there.
    """
    began = datetime.now(UTC).isoformat(timespec="seconds")
    load = os.getloadavg()[0]
    counter = CompileCounter()
    results = []
    for workload in workloads:
        results.append(measure_workload(workload, effort, counter, tell))
        show(results[-1])
    if cache_cases:
        tell("trying the persistent compilation cache")
    return Report(
        time=began,
        commit=commit(),
        machine={**machine(), "load_before": load, "load_after": os.getloadavg()[0]},
        versions=versions(),
        settings={**asdict(effort), "confidence": CONFIDENCE, "selected_envs": SELECTED_ENVS},
        measured=_measured(effort),
        workloads=results,
        cache=measure_cache(cache_cases) if cache_cases else {},
        left_out=dict(left_out or {}),
    )


def _measured(effort: Effort) -> list[str]:
    """Return what the figures mean, in sentences."""
    sentences = (
        f"""Pairs of batches in one process, in an order drawn for each pair. A batch is {effort.batch_s:g} s
        of calls back to back, at least one, each waited for with its callbacks. none: without a recorder.""",
        """ratio: median of the pairs' ratios. 95 %: the distribution-free interval of that median, from the
        order of the ratios (binomial). A target is met when its upper end is.""",
        f"""{SELECTED_ENVS} environments are selected, every episode is kept and written to a folder for
        temporary files. Live drawing is off but for its own row, where the first pictures of a new run are
        drawn.""",
        """none, extra, backlog: microseconds for one step of all environments. The writer works in the
        background while calls run, so what it takes of the cores is in the ratio. backlog is what it had
        still to work off when the batch ended; commit is the file that is then synced to disk, which a run
        does every five seconds. Both are outside of the ratio.""",
        """callback a step: one jax.debug.callback on what all environments saw, did and got in a step, which
        turns it into NumPy arrays and no more. callback in vmap: the same for each environment.""",
        """off: the lowered StableHLO is compared with that of the program without a recorder.""",
    )
    return [" ".join(sentence.split()) for sentence in sentences]
