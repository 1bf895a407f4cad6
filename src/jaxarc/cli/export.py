"""``jaxarc export``: a run as another format."""

from __future__ import annotations

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.export import ExportSummary, export_run
from jaxarc.replay import open_run

__all__ = ["print_export"]


def print_export(
    run_name: str,
    format: str,
    *,
    out: Path | None,
    where: str | None,
    limit: int | None,
    force: bool,
    as_json: bool,
    root: str | None,
) -> None:
    """Run the command.

    Args:
        run_name: what ``jaxarc.open`` takes.
        format, out, where, limit, force: as for ``export_run``.
        as_json: whether to print the summary as one JSON object.
        root: where runs are looked for.

    Raises:
        JaxArcError: as ``export_run`` does.
    """
    run = open_run(run_name, root)
    console = terminal(stderr=True)
    with Progress(
        TextColumn("exporting"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("", total=None)
        summary = export_run(
            run,
            format,
            out,
            where=where,
            limit=limit,
            force=force,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )
    if as_json:
        print_json(summary.to_json())
    else:
        _print(summary)


def _print(summary: ExportSummary) -> None:
    console = terminal()
    done = f"{counted(summary.episodes, 'episode')}, {counted(summary.steps, 'stored step')}"
    console.print(Text(f"{done} of {summary.run} -> {summary.path}"), soft_wrap=True)
    for reason, count in summary.left_out.items():
        console.print(Text(f"left out {count:,}: {reason}", "yellow"), soft_wrap=True)
    if summary.format == "minari":
        load = f"import minari; minari.load_dataset('{summary.dataset_id}')"
        console.print(
            Text(f'open it: MINARI_DATASETS_PATH={summary.path} python -c "{load}"'), soft_wrap=True
        )
