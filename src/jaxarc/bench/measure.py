"""One workload: compile every variant, then time each against the program without a recorder."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import jax

from jaxarc.bench.compiling import Built, CompileCounter, compile_program, lowered_text
from jaxarc.bench.results import VariantResult, WorkloadResult
from jaxarc.bench.timing import Player, Session, calls_that_take, time_pairs
from jaxarc.bench.variants import BATCHED, DRAWING, LEVELS, NAIVE, NONE, Variant
from jaxarc.bench.workloads import Workload
from jaxarc.recorder import Recorder

__all__ = ["Effort", "measure_workload", "variants_of"]

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        num_pairs: pairs of each variant.
        batch_s: seconds that a batch takes at least.
        warm_s: seconds that a variant runs before it is timed: a run's first seconds are not like the rest,
            when every task that is met is stored once.
        num_compiles: how often each variant is compiled.
        control: also time the program without a recorder against itself.
        seed: decides the orders.
    """

    num_pairs: int
    batch_s: float
    warm_s: float
    num_compiles: int
    control: bool
    seed: int = 0


@dataclass
class _Compiled:
    """The last build of a variant, the seconds of all, its slot, compilations under a new Recorder."""

    built: Built
    compile_s: list[float]
    slot: int
    recompiles: int | None


def variants_of(workload: Workload, effort: Effort) -> list[Variant]:
    """Return the variants of a workload that are timed or compared, in the order of the table."""
    hooks = {"batched": BATCHED, "naive": NAIVE}
    return [
        *([NONE] if effort.control else []),
        *LEVELS,
        *([DRAWING] if workload.draws else []),
        *(hooks[hook] for hook in workload.hooks if hook),
    ]


def measure_workload(
    workload: Workload, effort: Effort, counter: CompileCounter, tell: Tell = lambda _: None
) -> WorkloadResult:
    """Measure a workload.

    Args:
        workload: the program.
        effort: how much is measured.
        counter: counts compilations.
        tell: hears what is being done.
    """
    bench = _Bench(workload, effort, counter, tell)
    results = [bench.measure(variant) for variant in variants_of(workload, effort)]
    return WorkloadResult(
        name=workload.name,
        title=workload.title,
        num_envs=workload.num_envs,
        num_steps=workload.num_steps,
        loops=workload.loops,
        call=workload.call,
        compile_s=bench.none_compile_s,
        memory_bytes=bench.none.memory_bytes,
        variants=results,
    )


class _Bench:
    def __init__(self, workload: Workload, effort: Effort, counter: CompileCounter, tell: Tell):
        self._workload, self._effort, self._counter, self._tell = workload, effort, counter, tell
        self._rng = random.Random(effort.seed)
        self._compiled: dict[str, _Compiled] = {}
        self.none_compile_s: list[float] = []
        self.none = self._compile_levels()

    def measure(self, variant: Variant) -> VariantResult:
        """Measure one variant."""
        if variant.level == "off":
            return self._compare(variant)
        compiled = self._compiled.get(variant.level) or self._compile(variant)
        return self._time(variant, compiled)

    def _compile_levels(self) -> Built:
        """Compile the levels and the program without a recorder in turn; return the latter."""
        builds = []
        for _ in range(self._effort.num_compiles):
            builds.append(self._compile_none())
            for level in LEVELS:
                if level.level != "off":
                    self._compile_level(level)
        return builds[-1]

    def _compile_none(self) -> Built:
        self._tell(f"{self._workload.name}: compiling without a recorder")
        none = compile_program(self._workload.build(None, "", self._workload.num_steps))
        self.none_compile_s.append(none.seconds)
        return none

    def _compile_level(self, variant: Variant) -> None:
        compiled = self._compile(variant)
        if variant.level in self._compiled:
            compiled.compile_s[:0] = self._compiled[variant.level].compile_s
        self._compiled[variant.level] = compiled

    def _compile(self, variant: Variant) -> _Compiled:
        self._tell(f"{self._workload.name}: compiling {variant.name}")
        num_steps = variant.num_steps or self._workload.num_steps
        if not variant.level:
            built = compile_program(self._workload.build(None, variant.hook, num_steps))
            return _Compiled(built, [built.seconds], 0, None)
        with tempfile.TemporaryDirectory() as folder:
            overrides = variant.overrides(folder)
            with Recorder(overrides) as recorder:
                slot = recorder.slot
                built = compile_program(self._workload.build(recorder, "", num_steps))
                self._call(built)
            before = self._counter.count
            with Recorder(overrides, slot=slot):
                self._call(built)
            return _Compiled(built, [built.seconds], slot, self._counter.count - before)

    @staticmethod
    def _call(built: Built) -> None:
        jax.block_until_ready(built.jitted(built.program.world, built.program.carry))
        jax.effects_barrier()

    def _compare(self, variant: Variant) -> VariantResult:
        """Lower the program at level ``off`` and compare its text with that of the one without a recorder."""
        num_steps = self._workload.num_steps
        with tempfile.TemporaryDirectory() as folder, Recorder(variant.overrides(folder)) as recorder:
            text = lowered_text(self._workload.build(recorder, "", num_steps))
        return VariantResult(variant.name, variant.level, same_program=text == self.none.text)

    def _time(self, variant: Variant, compiled: _Compiled) -> VariantResult:
        workload, effort = self._workload, self._effort
        none, other = Player(self.none, workload.loops), Player(compiled.built, workload.loops)
        none_calls = calls = calls_that_take(self.none, workload.loops, effort.batch_s)
        if variant.hook:
            calls = calls_that_take(compiled.built, workload.loops, effort.batch_s)
        num_pairs = min(effort.num_pairs, variant.max_pairs or effort.num_pairs)
        with tempfile.TemporaryDirectory() as folder:
            session = Session(variant, compiled.slot, folder, workload.names)
            try:
                if not variant.draws:
                    session.open()
                    none.play(session.warm(other, effort.warm_s))
                pairs = time_pairs(
                    none,
                    other,
                    session,
                    none_calls=none_calls,
                    calls=calls,
                    num_pairs=num_pairs,
                    rng=self._rng,
                    tell=lambda done: self._tell(
                        f"{workload.name}: {variant.name}, {done} of {num_pairs} pairs"
                    ),
                )
            finally:
                session.close()
        crossed = session.crossed
        recorded = crossed if crossed.calls else None
        return VariantResult(
            name=variant.name,
            level=variant.level,
            calls_per_batch=calls,
            steps_per_batch=calls * other.steps_per_call,
            none_steps_per_batch=none_calls * none.steps_per_call,
            pairs=pairs,
            compile_s=() if variant.draws else compiled.compile_s,
            memory_bytes=compiled.built.memory_bytes,
            recompiles=compiled.recompiles,
            callbacks_per_call=recorded.chunks / recorded.calls if recorded else None,
            bytes_per_call=recorded.bytes / recorded.calls if recorded else None,
            write_s_per_call=recorded.write_s / recorded.calls if recorded else None,
            blocked_s=crossed.blocked_s,
            pictures=crossed.pictures,
            losses=dict(crossed.losses),
        )
