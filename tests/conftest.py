"""What every test shares: four fake devices, checked array shapes, a place for runs."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from jaxarc.replay import ReplaySystem

FOUR_DEVICES = "--xla_force_host_platform_device_count=4"
QUICK_COMPILES = "--xla_backend_optimization_level=0"
"""Machine code is all that this leaves plain: a program is lowered, and its HLO optimised, as ever."""

assert "jax" not in sys.modules, "jax was imported before the tests could ask it for four devices"
asked = os.environ.get("XLA_FLAGS", "")
quick = "" if "xla_backend_optimization_level" in asked else QUICK_COMPILES
os.environ["XLA_FLAGS"] = f"{asked} {FOUR_DEVICES} {quick}".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
for name in [name for name in os.environ if name.startswith("JAXARC_")]:
    del os.environ[name]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what runs in the background so, and children inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

kept_dir = ""
if "PYTEST_XDIST_WORKER" not in os.environ:
    kept_dir = tempfile.mkdtemp(prefix="jaxarc-compiled-")
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        # Workers, and the hundreds of processes that tests start, compile the same programs: each is
        # compiled once in a session. Programs with callbacks are never kept, so those compile as ever.
        os.environ["JAX_COMPILATION_CACHE_DIR"] = f"{kept_dir}/programs"
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    if sys.dont_write_bytecode:
        # Those processes import JAX as well, and compile its sources anew where no bytecode may lie there.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = f"{kept_dir}/bytecode"
        sys.dont_write_bytecode = False

from array_checks import check_arrays_in  # noqa: E402

check_arrays_in("jaxarc")

pytest_plugins = ["browser"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--long``, which runs the soaks and the mass kills as well."""
    parser.addoption("--long", action="store_true", help="run the tests marked long as well")


def pytest_unconfigure() -> None:
    """Remove what this session compiled."""
    if kept_dir:
        shutil.rmtree(kept_dir, ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests marked long out unless they are asked for."""
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def arc_run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Two ARC tasks in two environments, every step stored, nothing drawn, for tests that only read it."""
    from arc_run import record_arc_run

    return record_arc_run(tmp_path_factory.mktemp("arc"), num_steps=48)


@pytest.fixture
def run_root(tmp_path: Path) -> Path:
    """A directory for runs that is gone after the test."""
    root = tmp_path / "runs"
    root.mkdir()
    return root
