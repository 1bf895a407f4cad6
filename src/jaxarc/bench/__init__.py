"""``jaxarc bench``: what recording costs, measured where you are."""

from __future__ import annotations

from jaxarc.bench.catalogue import QUICK, WORKLOADS
from jaxarc.bench.markdown import markdown_table
from jaxarc.bench.measure import Effort
from jaxarc.bench.results import Report, load_report
from jaxarc.bench.run import CACHE_CASES, FULL_EFFORT, QUICK_CACHE_CASES, QUICK_EFFORT, run_benchmark
from jaxarc.bench.training import TRAINING, load_training
from jaxarc.bench.workloads import Workload

__all__ = [
    "CACHE_CASES",
    "Effort",
    "FULL_EFFORT",
    "QUICK",
    "QUICK_CACHE_CASES",
    "QUICK_EFFORT",
    "Report",
    "TRAINING",
    "WORKLOADS",
    "Workload",
    "load_report",
    "load_training",
    "markdown_table",
    "run_benchmark",
]
