"""What people mistype is answered in a line, with exit code 2."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

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


def test_where_needs_a_run(tmp_path: Path) -> None:
    """The list of runs has no episodes to choose from: it does not act as if it had obeyed."""
    for option in ("--where", "--sort"):
        result = CliRunner().invoke(app, ["ls", "--root", str(tmp_path), option, "success"])
        assert isinstance(result.exception, QueryError)
