"""What every test shares: four fake devices, checked array shapes, a place for runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

FOUR_DEVICES = "--xla_force_host_platform_device_count=4"

assert "jax" not in sys.modules, "jax was imported before the tests could ask it for four devices"
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FOUR_DEVICES}".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
for name in [name for name in os.environ if name.startswith("JAXARC_")]:
    del os.environ[name]

from jaxtyping import install_import_hook  # noqa: E402

install_import_hook("jaxarc", "array_checks.check_arrays")


@pytest.fixture
def run_root(tmp_path: Path) -> Path:
    """A directory for runs that is gone after the test."""
    root = tmp_path / "runs"
    root.mkdir()
    return root
