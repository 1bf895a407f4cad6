"""Which workloads there are, and which of them a quick run takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from jaxarc.bench.workloads import Workload, arc_game, cart_pole_game, loop_workload, scan_workload

__all__ = ["QUICK", "WORKLOADS"]

_ALL = (
    scan_workload("arc-1", "ARC, 1 env", arc_game, 1, 2048, hooks=("batched",)),
    scan_workload("arc-64", "ARC, 64 envs", arc_game, 64, 128, hooks=("batched", "naive"), draws=True),
    scan_workload("arc-1024", "ARC, 1024 envs", arc_game, 1024, 32, hooks=("batched",)),
    scan_workload("cartpole-4", "CartPole, 4 envs", cart_pole_game, 4, 512, hooks=("batched", "naive")),
    scan_workload("cartpole-64", "CartPole, 64 envs", cart_pole_game, 64, 128, hooks=("batched", "naive")),
    scan_workload("cartpole-2048", "CartPole, 2048 envs", cart_pole_game, 2048, 64, hooks=("batched",)),
    loop_workload("loop-16", "Python loop, ARC, 16 envs", arc_game, 16, 64, hooks=("batched",)),
)

WORKLOADS: Mapping[str, Workload] = {workload.name: workload for workload in _ALL}
"""By name, in the order of the tables; the training programs of examples/ come from `training`."""

QUICK: Mapping[str, Workload] = {
    "arc-64": replace(WORKLOADS["arc-64"], hooks=("batched",)),
    "cartpole-64": WORKLOADS["cartpole-64"],
}
"""What a quick run measures: without the callback in ARC's vmap, which takes longest of all to compile."""
