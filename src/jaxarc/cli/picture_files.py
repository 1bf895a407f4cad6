"""One picture as a file, in the format that its name says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from jaxarc.errors import RenderError, StorageError, closest
from jaxarc.rendering import Style, svg_to_pdf, svg_to_png
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views import style_of
from jaxarc.replay.views.run_looks import run_visualization_config
from jaxarc.storage import atomic_write_bytes

__all__ = ["PLOTS_FOLDER", "checked_out", "style_for", "write_picture"]

PLOTS_FOLDER = "plots"
_FORMATS = (".svg", ".png", ".pdf")
_PNG_SCALE = 2.0
_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def style_for(run: ReplaySystem, palette: str | None, theme: str | None) -> Style:
    """Return the look that a run was told, with another palette or theme where one is given."""
    style = style_of(run_visualization_config(run.run_dir))
    given = {"palette": palette, "theme": theme}
    return replace(style, **{name: value for name, value in given.items() if value is not None})


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
