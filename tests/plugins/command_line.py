"""The command line within this process, as its ``main`` runs it."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from jaxarc.cli import main

__all__ = ["typed_in"]


def typed_in(folder: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``jaxarc`` in ``folder`` within this process, which has imported everything already.

    Args:
        folder: the working directory.
        *arguments: what is typed behind ``jaxarc``.
        **environment: variables; ``COLUMNS`` is 120 unless it is given.
    """
    words = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(folder),
        mock.patch.object(sys, "argv", ["jaxarc", *words]),
        mock.patch.dict(os.environ, {"COLUMNS": "120", **environment}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as exited,
    ):
        main()
    code = exited.value.code
    return subprocess.CompletedProcess(
        words, code if isinstance(code, int) else 0, out.getvalue(), err.getvalue()
    )
