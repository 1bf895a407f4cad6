"""Notebooks executed from the first cell to the last, and the light form in which they are committed.

``scripts/notebooks`` runs this module: ``python -m notebook_runs [--check] notebooks/*.ipynb``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat

__all__ = ["CELL_TIMEOUT_S", "MACHINE_PATH", "NOTEBOOK_BYTES", "execute", "slimmed", "text_of_outputs"]

CELL_TIMEOUT_S = 300
"""Seconds that one cell may take."""

NOTEBOOK_BYTES = 300_000
"""Bytes of a committed notebook at most."""

MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:tmp|home|root|Users|work|var|private|usr|opt|mnt|venv)/[\w.-]+")
"""What a path of the machine looks like that executed a notebook."""

_HTML_CHARACTERS = 20_000
"""Characters of HTML that a committed output keeps where a picture or text says the same."""


@contextmanager
def _kernel() -> Iterator[Any]:
    """Yield the manager of a kernel of this Python, which knows nothing of whose machine it runs on."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class ThisPython(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=command, display_name=kernel_name, language="python")

    manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=ThisPython(), transport="ipc")
    with tempfile.TemporaryDirectory(prefix="nb") as place:  # names of sockets are short
        manager.connection_file, manager.ip = f"{place}/k.json", f"{place}/k"
        yield manager


def execute(path: Path, folder: Path) -> Any:
    """Execute a copy of a notebook and return it; what it writes stays in the folder.

    Args:
        path: the notebook.
        folder: an empty folder, in which its kernel runs.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error.
    """
    from nbclient import NotebookClient

    copy = Path(shutil.copy(path, folder))
    notebook = nbformat.read(copy, as_version=4)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JAXARC_")}
    places = {
        name: str(folder / ".jupyter") for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR")
    }
    with _kernel() as manager, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client's libraries; the kernel has its own
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=CELL_TIMEOUT_S,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute(
            cleanup_kc=True, env={**kept, "JAX_PLATFORMS": kept.get("JAX_PLATFORMS", "cpu"), **places}
        )
    return notebook


def slimmed(notebook: Any, folder: Path | None = None) -> Any:
    """Return an executed notebook in the form that is committed: small, and the same for the same outputs.

    Long HTML goes where a picture or text beside it says the same, and so do messages on stderr and metadata
    of the machine; cells are named by their place.

    Args:
        notebook: what `execute` returned.
        folder: where it was executed; its path is no part of what is said.
    """
    slim = nbformat.v4.new_notebook()
    slim.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells):
        new = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        kept = new(cell.source)
        kept["id"] = f"cell-{number + 1:02d}"
        if cell.cell_type == "code":
            kept.execution_count = cell.execution_count
            kept.outputs = [
                _slim_output(output, folder) for output in cell.outputs if output.get("name") != "stderr"
            ]
        slim.cells.append(kept)
    return slim


def _slim_output(output: Any, folder: Path | None) -> Any:
    kept: Any = nbformat.from_dict(dict(output))
    place = f"{folder}{os.sep}" if folder is not None else None

    def without_place(text: str) -> str:
        return text.replace(place, "") if place else text

    if "text" in kept:
        kept["text"] = without_place(kept["text"])
    data: Any = kept.get("data")
    if data is not None:
        kept["metadata"] = {}
        html = data.get("text/html", "")
        if len(html) > _HTML_CHARACTERS and len(data) > 1:
            del data["text/html"]
        for kind in data:
            if isinstance(data[kind], str) and not kind.startswith("image/png"):
                data[kind] = without_place(data[kind])
    return kept


def text_of_outputs(notebook: Any) -> Iterator[str]:
    """Yield everything that the outputs of a notebook say as text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            yield str(output.get("text", ""))
            yield "\n".join(map(str, output.get("traceback", ())))
            yield from (str(value) for kind, value in output.get("data", {}).items() if kind != "image/png")


def main() -> int:
    """Execute the notebooks that are named and write their outputs into them."""
    parser = argparse.ArgumentParser(description="Execute notebooks and keep their outputs light.")
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="execute them, and write nothing")
    asked = parser.parse_args()
    for path in asked.notebooks:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name).resolve()
            executed = slimmed(execute(path, folder), folder)
        content = nbformat.writes(executed) + "\n"
        if not asked.check:
            path.write_text(content, encoding="utf-8")
        print(f"{path}: {len(content.encode()) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
