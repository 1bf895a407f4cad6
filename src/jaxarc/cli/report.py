"""``jaxarc report``: the page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.errors import RenderError, StorageError
from jaxarc.rendering import Style
from jaxarc.replay import open_run
from jaxarc.visualization.report import PageTheme, write_report

__all__ = ["make_report"]


def make_report(
    name: str, *, out: Path | None, theme: str | None, palette: str | None, as_json: bool, root: str | None
) -> None:
    """Write the page and print its path.

    Args:
        name: what ``jaxarc.open`` takes.
        out: the file; ``report/index.html`` in the run when left off.
        theme: what it shows first.
        palette: colours of the cells; None for those of the run.
        as_json: print one JSON document instead of the path.
        root: where runs are looked for.

    Raises:
        RunNotFoundError: there is no such run.
        RenderError: the palette or the theme is unknown.
        StorageError: ``out`` is a folder, or cannot be written.
    """
    if theme not in (None, "auto", "light", "dark"):
        raise RenderError(f"--theme must be auto, light or dark, got {theme!r}")
    if out is not None and out.is_dir():
        raise StorageError(f"{out} is a folder; give the file: --out {out / 'index.html'}")
    run = open_run(name, root)
    path = write_report(
        run, None if palette is None else Style(palette), out=out, theme=cast(PageTheme | None, theme)
    )
    if as_json:
        print_json({"run": run.name, "report": path, "bytes": path.stat().st_size})
        return
    terminal().print(Text(str(path)), soft_wrap=True)
