"""What was measured, as records that become JSON and come back from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from jaxarc.bench.intervals import Estimate, estimate_median
from jaxarc.bench.targets import compile_is_within, target_of
from jaxarc.errors import DamagedFileError

__all__ = ["SCHEMA", "Pair", "Report", "VariantResult", "WorkloadResult", "load_report"]

SCHEMA = 1


@dataclass(frozen=True)
class Pair:
    """A batch of calls without a recorder and one with it, one right after the other.

    Attributes:
        none_s, variant_s: seconds of the batches.
        backlog_s: seconds after the variant's batch until the writer had worked off what it was given.
        commit_s: seconds that it then took to commit: a file, synced to disk.
        none_first: which batch ran first.
    """

    none_s: float
    variant_s: float
    backlog_s: float
    commit_s: float
    none_first: bool


@dataclass(frozen=True)
class VariantResult:
    """One way of recording one workload.

    Attributes:
        name, level: as in `variants.Variant`.
        same_program: whether the lowered program equals the one without a recorder; None where not asked.
        calls_per_batch: timed calls of a batch of this variant.
        steps_per_batch: steps in time of all of them.
        none_steps_per_batch: those without a recorder: more, where the variant is many times slower.
        pairs: the timings; none for a program that is the same.
        compile_s: seconds of each tracing, lowering and compiling from empty caches; none where the program
            is that of another row.
        memory_bytes: device memory of the program for temporaries and outputs; None where JAX does not say.
        recompiles: compilations when the program is called again under a new Recorder of this level.
        callbacks_per_call, bytes_per_call: what crosses to the host in one timed call.
        write_s_per_call: seconds that the writer's thread works for one timed call.
        blocked_s: seconds that the program waited for the writer, in all batches.
        pictures: files drawn meanwhile.
        losses: what the recorder lost, by kind.
    """

    name: str
    level: str
    same_program: bool | None = None
    calls_per_batch: int = 0
    steps_per_batch: int = 0
    none_steps_per_batch: int = 0
    pairs: Sequence[Pair] = ()
    compile_s: Sequence[float] = ()
    memory_bytes: int | None = None
    recompiles: int | None = None
    callbacks_per_call: float | None = None
    bytes_per_call: float | None = None
    write_s_per_call: float | None = None
    blocked_s: float = 0.0
    pictures: int = 0
    losses: Mapping[str, int] = field(default_factory=dict)

    @property
    def ratio(self) -> Estimate | None:
        """Time of a step with the recorder to that without it, pair by pair."""
        return self._over_pairs(lambda pair: self._us(pair.variant_s) / self._none_us(pair))

    @property
    def ratio_with_writing(self) -> Estimate | None:
        """The same, had the program waited for the backlog and the commit after every batch."""
        return self._over_pairs(
            lambda pair: self._us(pair.variant_s + pair.backlog_s + pair.commit_s) / self._none_us(pair)
        )

    @property
    def none_us(self) -> Estimate | None:
        """Microseconds of a step without a recorder."""
        return self._over_pairs(self._none_us)

    @property
    def extra_us(self) -> Estimate | None:
        """Microseconds that a step takes longer with it."""
        return self._over_pairs(lambda pair: self._us(pair.variant_s) - self._none_us(pair))

    @property
    def backlog_us(self) -> Estimate | None:
        """Microseconds a step of work that was left to the writer after the batch."""
        return self._over_pairs(lambda pair: self._us(pair.backlog_s))

    @property
    def commit_s(self) -> Estimate | None:
        """Seconds of one commit."""
        return self._over_pairs(lambda pair: pair.commit_s)

    def _us(self, seconds: float) -> float:
        return 1e6 * seconds / self.steps_per_batch

    def _none_us(self, pair: Pair) -> float:
        return 1e6 * pair.none_s / self.none_steps_per_batch

    def _over_pairs(self, value: Callable[[Pair], float]) -> Estimate | None:
        return estimate_median([value(pair) for pair in self.pairs]) if self.pairs else None


@dataclass(frozen=True)
class WorkloadResult:
    """One workload with all its variants.

    Attributes:
        name, title, num_envs, num_steps, loops, call: as in `workloads.Workload`.
        compile_s, memory_bytes: as in `VariantResult`, of the program without a recorder.
        variants: in the order of the table.
    """

    name: str
    title: str
    num_envs: int
    num_steps: int
    loops: int
    call: str
    compile_s: Sequence[float]
    memory_bytes: int | None
    variants: Sequence[VariantResult]

    def missed_by(self, variant: VariantResult) -> float | None:
        """Return by how much the upper end of the interval is past its target: 0.0 when it is met.

        None where there is no target.
        """
        target, ratio = target_of(self.name, variant.name), variant.ratio
        if target is None or ratio is None:
            return None
        return max(0.0, ratio.high - target)

    def compiles_within(self, variant: VariantResult) -> bool | None:
        """Say whether compiling takes as long as it may; None where it was not measured or is not ours."""
        if not self.compile_s or not variant.compile_s or not variant.level:
            return None
        return compile_is_within(self.compile_s, variant.compile_s)


@dataclass(frozen=True)
class Report:
    """A run of the benchmark.

    Attributes:
        time: when it began, UTC.
        commit: of the checkout, with + when it had changes; empty for an installed package.
        machine: device, cores, platform.
        versions: of Python, JAX and what else decides the figures.
        settings: pairs, seconds of a batch, seed.
        measured: what was measured, in sentences.
        workloads: the results.
        cache: what a second process finds in the persistent compilation cache, by level.
        left_out: why a workload is not here, by name.
    """

    time: str
    commit: str
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    measured: Sequence[str]
    workloads: Sequence[WorkloadResult]
    cache: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what is written: every measurement, and beside it what follows from it."""
        document = {"benchmark": "overhead", "schema": SCHEMA, **asdict(self)}
        for workload, written in zip(self.workloads, document["workloads"], strict=True):
            for variant, entry in zip(workload.variants, written["variants"], strict=True):
                entry["derived"] = _derived(workload, variant)
        return document

    def save(self, path: Path) -> None:
        """Write the report as JSON, folders included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_json(), indent=1) + "\n")


def _derived(workload: WorkloadResult, variant: VariantResult) -> dict[str, Any]:
    estimates = {
        name: getattr(variant, name)
        for name in ("ratio", "ratio_with_writing", "none_us", "extra_us", "backlog_us", "commit_s")
    }
    return {
        **{name: asdict(estimate) if estimate else None for name, estimate in estimates.items()},
        "compile_ratio": (
            median(variant.compile_s) / median(workload.compile_s)
            if variant.compile_s and workload.compile_s
            else None
        ),
        "compile_is_within_target": workload.compiles_within(variant),
        "target": target_of(workload.name, variant.name),
        "missed_by": workload.missed_by(variant),
    }


def load_report(path: Path) -> Report:
    """Read a report that `Report.save` wrote.

    Raises:
        DamagedFileError: the file is missing, is no JSON, or is no report of this schema.
    """
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DamagedFileError(path, f"cannot be read as a report of jaxarc bench ({error})") from None
    if not isinstance(document, dict) or document.get("benchmark") != "overhead":
        raise DamagedFileError(path, "is no report of jaxarc bench; write one with --out")
    if document.pop("schema", None) != SCHEMA:
        raise DamagedFileError(path, f"has another schema than {SCHEMA}; run the benchmark again")
    document.pop("benchmark")
    workloads = [
        WorkloadResult(**{**workload, "variants": [_variant(entry) for entry in workload["variants"]]})
        for workload in document.pop("workloads")
    ]
    return Report(**document, workloads=workloads)


def _variant(entry: dict[str, Any]) -> VariantResult:
    entry = {name: value for name, value in entry.items() if name != "derived"}
    return VariantResult(**{**entry, "pairs": [Pair(**pair) for pair in entry["pairs"]]})
