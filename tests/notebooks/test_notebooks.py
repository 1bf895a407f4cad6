"""The notebooks run from their first cell to their last, and what is committed of them is light and clean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebook_runs import MACHINE_PATH, NOTEBOOK_BYTES, execute, slimmed, text_of_outputs

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

RUN_EVERY_TIME = ("01_record_and_replay", "02_why_did_it_fail")
"""Each takes a kernel and JAX; the others are executed by scripts/test --long."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=() if path.stem in RUN_EVERY_TIME else pytest.mark.long)
        for path in NOTEBOOKS
    ],
)
def test_a_notebook_runs_from_its_first_cell_to_its_last(path: Path, tmp_path: Path) -> None:
    """In a folder of its own and a fresh kernel of this Python no cell fails; its light form stays small."""
    notebook = execute(path, tmp_path)
    assert [
        output for cell in notebook.cells for output in cell.get("outputs", ()) if "ename" in output
    ] == []
    assert len(nbformat.writes(slimmed(notebook, tmp_path)).encode()) < NOTEBOOK_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_what_is_committed_of_a_notebook_was_executed_and_is_light(path: Path) -> None:
    """Every cell was executed in order, none failed; outputs are small, and no path of a machine is there."""
    notebook: Any = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert path.stat().st_size < NOTEBOOK_BYTES
    assert notebook.cells[0].source.startswith("# ")
    said = "\n".join(text_of_outputs(notebook))
    assert MACHINE_PATH.findall(said) == []
    assert "Traceback" not in said
    assert nbformat.writes(slimmed(notebook)) == nbformat.writes(notebook), "scripts/notebooks writes it"
