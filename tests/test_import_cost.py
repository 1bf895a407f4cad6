"""Importing the package costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    "jax",
    "jaxlib",
    "hydra",
    "omegaconf",
    "h5py",
    "hdf5plugin",
    "equinox",
    "chex",
    "scipy",
    "PIL",
    "matplotlib",
    "jinja2",
    "plotly",
)


def modules_after(statement: str, *, whole: bool = False) -> set[str]:
    """Return the modules that a fresh interpreter holds after a statement, by their first names or whole."""
    name = "name" if whole else "name.partition('.')[0]"
    program = f"import sys; {statement}; print('\\n'.join({{{name} for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_jaxarc_imports_no_heavy_library():
    """A fresh interpreter that imports jaxarc holds neither JAX nor Hydra nor HDF5 nor NumPy."""
    assert not modules_after("import jaxarc") & {*HEAVY, "numpy"}


@pytest.mark.parametrize("module", ["jaxarc.errors", "jaxarc.config", "jaxarc.conf"])
def test_configuration_needs_neither_jax_nor_hydra_until_it_is_loaded(module: str):
    """The dataclasses can be imported by a reader that has no use for Hydra."""
    assert not modules_after(f"import {module}") & {*HEAVY, "numpy"}


def test_loading_a_configuration_needs_no_jax():
    """Composing with Hydra does not pull in JAX or HDF5."""
    loaded = modules_after("from jaxarc.config import load_config; load_config([])")
    assert "hydra" in loaded
    assert not loaded & {"jax", "jaxlib", "h5py", "equinox"}


def test_no_exported_name_is_hidden_by_a_module_of_the_same_name():
    """Importing a submodule sets its name on the package: what is exported lazily needs another one."""
    code = """
import pkgutil, importlib, types
for name in ("", "envs", "config", "capture", "replay", "rendering", "storage", "diagnostics"):
    package = f"jaxarc.{name}".rstrip(".")
    home = importlib.import_module(package)
    for found in pkgutil.iter_modules(home.__path__):
        if found.name not in ("__main__", "conf"):
            importlib.import_module(f"{package}.{found.name}")
    for name in home.__all__:
        assert not isinstance(getattr(home, name), types.ModuleType), f"{package}.{name}"
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_reading_a_run_imports_nothing_that_draws_writes_or_simulates():
    """Opening a run from the shell takes a moment only: no JAX, no pictures, nothing that writes segments."""
    loaded = modules_after("import jaxarc; jaxarc.open", whole=True)
    assert "jaxarc.replay.run_reader" in loaded
    assert not loaded & {
        "jax",
        "PIL",
        "hydra",
        "pandas",
        "jaxarc.storage.run_cleaning",
        "jaxarc.storage.run_store",
    }
    assert not any(name.startswith("jaxarc.rendering.") for name in loaded)


def test_showing_an_episode_in_a_terminal_imports_no_svg_and_no_fonts():
    """``jaxarc show`` starts quickly."""
    loaded = modules_after("import jaxarc.cli.show", whole=True)
    assert not loaded & {"jax", "PIL", "resvg_py", "jaxarc.rendering.chart", "jaxarc.rendering.nested"}


def test_a_loop_that_measures_no_state_is_tracked_without_jax_and_without_plots():
    """RunContext imports JAX with the first state that is measured, Matplotlib with the first picture."""
    loaded = modules_after(
        "import tempfile; from jaxarc import RunContext; "
        "context = RunContext(None, {'builders': [], 'report': False}, out_dir=tempfile.mkdtemp()).start(); "
        "context.log_step(0, metrics={'loss': 1.0}); context.end()"
    )
    assert "numpy" in loaded
    assert not loaded & {"jax", "matplotlib", "plotly", "wandb", "mlflow"}
