"""The layout of the package holds: imports point one way, and no module is a drawer for leftovers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import jaxarc.errors

PACKAGE = Path(jaxarc.errors.__file__).parent
CHECKOUT = Path(__file__).parents[1]

LEFTOVERS = re.compile(r"\b(utils?|helpers?|common|misc)\b", re.IGNORECASE)


def test_imports_point_up_the_list_of_layers_only():
    """import-linter's contracts in pyproject.toml hold for the package that the tests import."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_no_module_is_a_drawer_for_leftovers():
    """A module's name says its idea: none is called utils, helpers, common or misc."""
    modules = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")]
    assert modules
    assert not [path for path in modules if LEFTOVERS.search(str(path.with_suffix("")).replace("_", " "))]


def test_no_module_grows_past_five_hundred_lines():
    """A module past 500 lines is two ideas."""
    lengths = {
        path.relative_to(PACKAGE): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")
    }
    assert not {path: length for path, length in lengths.items() if length > 500}


def test_every_folder_with_modules_is_a_package():
    """A folder without __init__.py would escape the layers, since the import graph leaves it out."""
    folders = {path.parent for path in PACKAGE.rglob("*.py")}
    assert not [folder.relative_to(PACKAGE) for folder in folders if not (folder / "__init__.py").is_file()]


def test_no_module_asks_for_private_names_of_jax():
    """Neither by import nor by a name in a string, which no linter sees."""
    private = re.compile(r"\b(?:jax|jaxlib)\._(?!_)\w+")
    found = {path.relative_to(PACKAGE): private.findall(path.read_text()) for path in PACKAGE.rglob("*.py")}
    assert not {path: names for path, names in found.items() if names}
