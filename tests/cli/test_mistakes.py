"""What people mistype is answered in a line, with exit code 2."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import typed_in
from typer.testing import CliRunner

from jaxarc.cli.app import app
from jaxarc.cli.rollout_command import rollout
from jaxarc.config import load_config
from jaxarc.envs import load_tasks
from jaxarc.replay import QueryError

TASK = {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[1]], "output": [[2]]}]}


def test_the_examples_of_the_help_work(tmp_path: Path) -> None:
    """Each is a configuration, and its tasks load: a folder of task files has no split."""
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    lines = re.findall(r"^ *jaxarc rollout (.+)$", rollout.__doc__ or "", re.MULTILINE)
    assert lines
    for line in lines:
        typed = line.replace("\\\\", "").replace("\\[", "[").replace("path/to/arc/json", str(tmp_path))
        config = load_config(shlex.split(typed))
        assert len(load_tasks(config.env.dataset, config.env.split).ids)


def test_steps_need_a_run(tmp_path: Path) -> None:
    """The list of runs has no steps to choose from: it does not act as if it had obeyed."""
    result = CliRunner().invoke(app, ["ls", "--root", str(tmp_path), "--steps"])
    assert isinstance(result.exception, QueryError)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("ls --limit 0", "error: invalid value for '--limit': must be at least 1, got 0"),
        ("ls --limit many", "error: invalid value for '--limit': must be a whole number, got 'many'"),
        ("replay latest --fps 99", "'--fps': must be at most 60, got 99"),
        ("clean --max-storage-gb nan", "'--max-storage-gb': must be a number, got 'nan'"),
        ("bench --quick=3", "'--quick' does not take a value"),
        ("ls --root", "'--root' requires an argument"),
        ("export latest", "missing option '--format'"),
        ("show", "missing argument 'RUN'"),
        ("rendr latest", "Did you mean 'render'?"),
        ("render latest --them dark", "--theme"),
    ],
)
def test_what_cannot_be_typed_is_refused_in_one_line(tmp_path: Path, typed: str, words: str) -> None:
    """With the limit, and where the examples are."""
    done = typed_in(tmp_path, *typed.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert "--help has examples" in done.stderr


def test_reading_what_was_typed_imports_no_heavy_library(tmp_path: Path) -> None:
    """Neither JAX, nor what typer would validate plain numbers with, nor the library of the files."""
    program = (
        "import sys; sys.argv = ['jaxarc', 'ls', '--limit', 'x']\n"
        "from jaxarc.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert "must be a whole number" in done.stderr
    assert not {"jax", "pydantic", "h5py", "numpy", "hydra"} & set(done.stdout.split())
