"""What a second process finds in JAX's persistent compilation cache.

Two child processes compile the same programs with one cache folder between them; the second counts its hits.
Up to JAX 0.10 a program with a callback in it is never written there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["measure_cache"]

_REQUEST = "/jax/compilation_cache/compile_requests_use_cache"
_HIT = "/jax/compilation_cache/cache_hits"
_TIMEOUT_S = 300.0


def measure_cache(cases: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return, by case, how many programs a second process asked the cache for and how many it held.

    Args:
        cases: levels, and ``none`` for no recorder.

    Raises:
        RuntimeError: a child process failed; with the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "JAX_COMPILATION_CACHE_DIR": folder,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        said = ""
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-m", __name__, *cases],
                env=environment,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(
                    f"the process that tries the compilation cache failed: {done.stderr[-2000:]}"
                )
            said = done.stdout
    return json.loads(said.splitlines()[-1])


def _lookups(cases: Sequence[str]) -> Iterator[tuple[str, Counter[str]]]:
    """Compile a CartPole rollout in each case; yield what JAX asked its cache for."""
    import jax

    from jaxarc.bench.catalogue import WORKLOADS
    from jaxarc.recorder import Recorder

    workload = WORKLOADS["cartpole-64"]
    events: Counter[str] = Counter()

    def heard(event: str, **_: Any) -> None:
        events[event] += 1

    jax.monitoring.register_event_listener(heard)
    for case in cases:
        with tempfile.TemporaryDirectory() as folder:
            level = "off" if case == "none" else case
            with Recorder([f"capture.level={level}", f"storage.base_output_dir={folder}"]) as recorder:
                program = workload.build(None if case == "none" else recorder, "", workload.num_steps)
                lowered = jax.jit(program.function).lower(program.world, program.carry)
                events.clear()
                lowered.compile()
                yield case, Counter(events)


if __name__ == "__main__":
    found = {
        case: {"requests": events[_REQUEST], "hits": events[_HIT]} for case, events in _lookups(sys.argv[1:])
    }
    sys.stdout.write(json.dumps(found) + "\n")
