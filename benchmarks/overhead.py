"""What recording costs, everything measured: all workloads, and both training programs of ``examples/``.

The same as ``jaxarc bench --examples examples --out benchmarks/results/overhead.json``; it takes its options.
It takes a quarter of an hour on two cores; leave the machine to it.

    python benchmarks/overhead.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from jaxarc.cli import main

ROOT = Path(__file__).parents[1]

if __name__ == "__main__":
    results = ROOT / "benchmarks" / "results" / "overhead.json"
    sys.argv[1:] = ["bench", "--examples", str(ROOT / "examples"), "--out", str(results), *sys.argv[1:]]
    main()
