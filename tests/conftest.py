"""What every test shares: four fake devices, checked array shapes, a place for runs."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

FOUR_DEVICES = "--xla_force_host_platform_device_count=4"

assert "jax" not in sys.modules, "jax was imported before the tests could ask it for four devices"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FOUR_DEVICES}".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
for name in [name for name in os.environ if name.startswith("JAXARC_")]:
    del os.environ[name]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell without job control starts what runs in the background so, and children inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook("jaxarc", "array_checks.check_arrays")

pytest_plugins = ["browser"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--long``, which runs the soaks and the mass kills as well."""
    parser.addoption("--long", action="store_true", help="run the tests marked long as well")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests marked long out unless they are asked for."""
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture
def run_root(tmp_path: Path) -> Path:
    """A directory for runs that is gone after the test."""
    root = tmp_path / "runs"
    root.mkdir()
    return root
