"""``jaxarc sync``: send a run to trackers, after the fact."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.errors import TrackingError, closest
from jaxarc.replay.system import DEFAULT_ROOT
from jaxarc.storage import resolve_run
from jaxarc.tracking.choosing import BACKENDS, backend_named
from jaxarc.tracking.run_settings import logging_of
from jaxarc.tracking.syncing import SyncResult, sync_run

__all__ = ["REFUSED", "sync_to"]

REFUSED = 1
"""Exit code where a tracker refused a record."""

_SHOWN = 5


def sync_to(
    run_name: str, names: Sequence[str], settings: Sequence[str], *, as_json: bool, root: str | None
) -> None:
    """Run the command.

    Args:
        run_name: what ``jaxarc.open`` takes.
        names: the trackers.
        settings: overrides of the run's own settings.
        as_json: whether to print one JSON object.
        root: where runs are looked for.

    Raises:
        RunNotFoundError: there is no such run.
        ConfigError: a tracker's package is missing, or a setting is wrong.
        TrackingError: there is no such tracker, or it did not take the run.
        typer.Exit: with 1 where one refused a record.
    """
    base = Path(root or os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    run_dir = resolve_run(run_name, base)
    for name in names:
        if name not in BACKENDS:
            raise TrackingError(f"there is no tracker {name!r}{closest(name, BACKENDS)}")
    logging = logging_of(run_dir, settings)
    backends = [backend_named(name, logging) for name in dict.fromkeys(names)]
    results: list[SyncResult] = []
    failed: list[TrackingError] = []
    for backend in backends:
        try:
            results.append(sync_run(run_dir, backend))
        except TrackingError as error:  # the others get the run all the same
            failed.append(error)
            continue
        if not as_json:
            _print(run_dir.name, results[-1])
    if failed:
        raise failed[0] if len(failed) == 1 else TrackingError("; ".join(map(str, failed)))
    if as_json:
        print_json({"run": run_dir.name, "trackers": results})
    if any(result.refused for result in results):
        raise typer.Exit(REFUSED)


def _print(run: str, result: SyncResult) -> None:
    console = terminal()
    what = counted(result.sent, "record") + " sent" if result.sent else "nothing to send, all is there"
    console.print(Text.assemble((run, "bold"), f" → {result.backend}: {what} ({result.status})"))
    if result.shown_at:
        console.print(Text(f"  {result.shown_at}"), soft_wrap=True)
    for refusal in result.refusals[:_SHOWN]:
        where = f"{refusal['source']}:{refusal['seq']}"
        console.print(Text(f"  refused {where}: {refusal['error']}", "red"), soft_wrap=True)
    if result.refused > _SHOWN:
        console.print(Text(f"  {counted(result.refused, 'record')} refused in all", "red"))
    for problem in result.problems[:_SHOWN]:
        console.print(Text(f"  unreadable: {problem}", "yellow"), soft_wrap=True)
