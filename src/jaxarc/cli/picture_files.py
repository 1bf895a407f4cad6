"""One picture as a file, in the format that its name says."""

from __future__ import annotations

import re
from pathlib import Path

from jaxarc.errors import RenderError, StorageError, closest
from jaxarc.rendering import svg_to_pdf, svg_to_png
from jaxarc.replay import ReplaySystem
from jaxarc.storage import atomic_write_bytes

__all__ = ["PLOTS_FOLDER", "checked_out", "write_picture"]

PLOTS_FOLDER = "plots"
_FORMATS = (".svg", ".png", ".pdf")
_PNG_SCALE = 2.0
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def checked_out(out: Path | None, run: ReplaySystem, name: str) -> Path:
    """Return where a picture goes: ``out``, or ``plots/<name>.svg`` in the run.

    Raises:
        RenderError: the name of the file ends in no format that a picture has.
        StorageError: it is a folder.
    """
    path = out if out is not None else run.run_dir / PLOTS_FOLDER / f"{_ODD.sub('_', name)[:120]}.svg"
    if path.is_dir():
        raise StorageError(f"{path} is a folder; give the file: --out {path / 'picture.svg'}")
    if path.suffix.lower() not in _FORMATS:
        guess = closest(path.suffix, _FORMATS)
        raise RenderError(f"--out must end in {', '.join(_FORMATS)}, got {path.name!r}{guess}")
    return path


def write_picture(svg: str, path: Path) -> None:
    """Write a picture; folders are made, and a file that is there is replaced.

    Raises:
        StorageError: it cannot be written.
    """
    kind = path.suffix.lower()
    content = svg.encode()
    if kind == ".png":
        content = svg_to_png(svg, _PNG_SCALE)
    elif kind == ".pdf":
        content = svg_to_pdf(svg)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_bytes(path, content, durable=False)
    except OSError as error:
        raise StorageError(f"{path} cannot be written ({error}); give another --out") from error
