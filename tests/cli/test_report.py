"""``jaxarc report`` makes the page about a run again, and says where it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from run_rows import make_rows, run_of_rows
from typer.testing import CliRunner

from jaxarc.cli.app import app
from jaxarc.errors import RenderError, RunNotFoundError, StorageError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run whose process is gone."""
    folder = tmp_path_factory.mktemp("runs")
    run_of_rows(folder, make_rows(20, stored_steps=np.zeros(20, np.int64)), status=None)
    return folder


def test_the_page_is_written_and_its_path_printed(root: Path, tmp_path: Path) -> None:
    """Into the run, or to ``--out``; the theme and the palette are as they are asked for."""
    typed = ["report", "latest", "--root", str(root)]
    result = CliRunner().invoke(app, typed)
    path = Path(result.output.strip())
    assert (path.name, path.parent.name) == ("index.html", "report")
    assert 'id="theme-auto" checked' in path.read_text()
    out = tmp_path / "new" / "page.html"
    result = CliRunner().invoke(
        app, [*typed, "--out", str(out), "--theme", "dark", "--palette", "colorblind"]
    )
    assert result.output.strip() == str(out)
    assert 'id="theme-dark" checked' in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        (["latest", "--theme", "blue"], RenderError, "auto, light or dark"),
        (["latest", "--palette", "blue"], RenderError, "palette must be"),
        (["latest", "--out", "."], StorageError, "is a folder"),
        (["nobody"], RunNotFoundError, "nobody"),
    ],
)
def test_mistakes_are_named(root: Path, arguments: list[str], kind: type[Exception], says: str) -> None:
    """A wrong theme, palette, file or run."""
    result = CliRunner().invoke(app, ["report", *arguments, "--root", str(root)])
    assert isinstance(result.exception, kind)
    assert says in str(result.exception)
