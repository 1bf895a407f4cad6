"""``jaxarc baseline``: which runs others are compared with."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import fitting_table
from jaxarc.cli.terminal import terminal
from jaxarc.errors import QueryError, closest
from jaxarc.replay import open_run
from jaxarc.replay.baseline import set_baseline
from jaxarc.replay.system import DEFAULT_ROOT
from jaxarc.storage import Baseline, list_baselines, remove_baseline
from jaxarc.storage.baselines import baseline_dir

__all__ = ["change_baselines"]

_ACTIONS = ("set", "show", "list", "remove")


def change_baselines(action: str, run: str | None, *, name: str, as_json: bool, root: str | None) -> None:
    """Run the command.

    Args:
        action: ``set``, ``show``, ``list`` or ``remove``.
        run: the run that is set.
        name: the baseline.
        as_json: print one JSON document.
        root: where runs are; None for the folder that the run is in, or the usual one.

    Raises:
        QueryError: there is no such action, or it lacks a run, or has one too many.
        JaxArcError: there is no such run or baseline, or it cannot be written.
    """
    if action not in _ACTIONS:
        near = closest(action, _ACTIONS)
        raise QueryError(f"baseline takes set, show, list or remove, got {action!r}{near}")
    if action == "set" and run is None:
        raise QueryError("jaxarc baseline set names a run: jaxarc baseline set latest")
    if action != "set" and run is not None:
        raise QueryError(f"jaxarc baseline {action} takes no run, got {run!r}; --name says which baseline")
    base = Path(root or os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    if action == "set":
        assert run is not None
        _say(set_baseline(open_run(run, root), name, root), "is now", as_json=as_json)
    elif action == "show":
        run_dir = baseline_dir(base, name)
        if as_json:
            print_json({"name": name, "run": run_dir.name, "run_dir": run_dir})
        else:
            terminal().print(Text(str(run_dir)), soft_wrap=True)
    elif action == "remove":
        remove_baseline(base, name)
        if as_json:
            print_json({"name": name, "removed": True})
        else:
            terminal().print(Text(f"{name} is no baseline any more"), soft_wrap=True)
    else:
        _list(base, as_json=as_json)


def _say(baseline: Baseline, verb: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_facts(baseline))
    else:
        words = Text.assemble((baseline.name, "bold"), f" {verb} {baseline.run}")
        terminal().print(words, soft_wrap=True)


def _facts(baseline: Baseline) -> dict[str, Any]:
    root = baseline.path.parent.parent
    return {
        "name": baseline.name,
        "run": Path(baseline.run).name,
        "run_dir": (root / baseline.run).resolve(),
        "run_id": baseline.run_id,
        "set_at": baseline.set_us / 1e6,
        "is_there": (root / baseline.run).is_dir(),
    }


def _list(base: Path, *, as_json: bool) -> None:
    found = [_facts(each) for each in list_baselines(base)]
    if as_json:
        print_json({"root": base.resolve(), "baselines": found})
        return
    if not found:
        terminal().print(Text(f"no baseline below {base}; jaxarc baseline set RUN names one"), soft_wrap=True)
        return
    there = [each["run"] if each["is_there"] else Text(f"{each['run']} (gone)", "red") for each in found]
    columns = {
        "name": [Text(each["name"]) for each in found],
        "run": there,
        "set": [
            datetime.fromtimestamp(each["set_at"], UTC).astimezone().strftime("%Y-%m-%d %H:%M")
            for each in found
        ],
    }
    title = f"{len(found)} {'baseline' if len(found) == 1 else 'baselines'} below {base}"
    terminal().print(fitting_table(title, columns, text=("name", "run", "set"), dropped=("set",)), crop=False)
