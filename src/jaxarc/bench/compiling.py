"""What a program is once it is compiled: its text, its seconds, its memory, and whether it compiles again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
from jaxtyping import PyTree

from jaxarc.bench.workloads import Program

__all__ = ["Built", "CompileCounter", "compile_program"]

_COMPILED = "/jax/core/compile/backend_compile_duration"


@dataclass(frozen=True)
class Built:
    """A compiled program, with what is known of it.

    Attributes:
        program: what was compiled.
        jitted: the jitted function.
        call: the compiled program, ``(world, carry) -> (carry, ys)``.
        text: its StableHLO.
        seconds: tracing, lowering and compiling.
        memory_bytes: device memory for temporaries and outputs; None where JAX does not say.
    """

    program: Program
    jitted: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]]
    call: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]]
    text: str
    seconds: float
    memory_bytes: int | None


def lowered_text(program: Program) -> str:
    """Return a program's StableHLO without compiling it."""
    return jax.jit(program.function).lower(program.world, program.carry).as_text()


def compile_program(program: Program) -> Built:
    """Compile a program from empty caches.

    Args:
        program: its function is traced anew.
    """
    jax.clear_caches()
    jitted = jax.jit(program.function)
    started = time.perf_counter()
    lowered = jitted.lower(program.world, program.carry)
    compiled = lowered.compile()
    seconds = time.perf_counter() - started
    return Built(program, jitted, compiled, lowered.as_text(), seconds, _memory_bytes(compiled))


def _memory_bytes(compiled: Any) -> int | None:
    analysis = compiled.memory_analysis()
    if analysis is None:
        return None
    return int(analysis.temp_size_in_bytes + analysis.output_size_in_bytes)


class CompileCounter:
    """Count what JAX compiles in this process, from its own monitoring events."""

    def __init__(self) -> None:
        self.count = 0
        jax.monitoring.register_event_duration_secs_listener(self._heard)

    def _heard(self, event: str, duration_secs: float, **_: Any) -> None:
        self.count += event == _COMPILED
