"""``jaxarc compare``: episodes of one run or several in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import episode_table
from jaxarc.cli.picture_files import checked_out, write_picture
from jaxarc.cli.terminal import terminal
from jaxarc.errors import RenderError, RunNotFoundError
from jaxarc.records.alignment_pictures import AlignmentData
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.table import EpisodeRow
from jaxarc.rendering import render_alignment, render_comparison
from jaxarc.replay import ReplaySystem, open_run
from jaxarc.replay.episode_choice import MOST_COMPARED, rows_to_compare
from jaxarc.replay.views.alignments import alignment_of
from jaxarc.replay.views.comparisons import compared_summary
from jaxarc.replay.views.run_looks import chosen_style
from jaxarc.storage import keep_segments_open

__all__ = ["compare_episodes", "parted_name"]

_MOST_LISTED = 10


@dataclass(frozen=True)
class _Chosen:
    """An episode that is compared."""

    run: ReplaySystem
    row: EpisodeRow


def compare_episodes(
    names: Sequence[str],
    *,
    kind: str,
    align: bool,
    where: str | None,
    sort: str | None,
    limit: int | None,
    out: Path | None,
    palette: str | None,
    theme: str | None,
    as_json: bool,
    root: str | None,
) -> None:
    """Draw the comparison, print a table and where the picture is.

    Args:
        names: ``RUN:EPISODE``, or ``RUN`` for its episodes.
        kind: the comparison, as ``render_comparison`` takes it.
        align: two episodes step by step instead.
        where, sort, limit: which episodes of a run that is named alone.
        out: the file; in the first run's ``plots/`` when left off.
        palette, theme: the look; None for that of the first run.
        as_json: print one JSON document instead of the table.
        root: where runs are looked for.

    Raises:
        EpisodeNotFoundError, RunNotFoundError: a name that names nothing.
        RenderError: an unknown comparison, look or format; too many episodes.
    """
    needs_steps = align or kind != "outcome_by_task"
    choice = {"where": where, "sort": sort, "limit": limit, "with_steps": needs_steps}
    chosen = _chosen(names, choice, root)
    first = chosen[0].run
    style = chosen_style(first.run_dir, palette=palette, theme=theme)
    path = checked_out(out, first, f"compare-{'aligned' if align else kind}")
    aligned = None
    if align:
        if len(chosen) != 2:
            raise RenderError(f"--align takes two episodes (RUN:3 RUN:7), got {len(chosen)}")
        a, b = map(_load, chosen)
        aligned = alignment_of(a, b)
        svg = render_alignment(aligned, style)
    else:
        with keep_segments_open():
            summaries = [compared_summary(item.row, kind, lambda item=item: _load(item)) for item in chosen]
        svg = render_comparison(summaries, kind, style)  # pyright: ignore[reportArgumentType]
    write_picture(svg, path)
    if as_json:
        parted = {} if aligned is None else {"parted_at": aligned.parted_at, "parted_by": aligned.parted_by}
        episodes = [{"run": item.run.name, **item.row} for item in chosen]
        print_json({"picture": path, "type": "aligned" if align else kind, **parted, "episodes": episodes})
        return
    _print(chosen, path)
    if aligned is not None:
        _print_parting(aligned)


def _load(item: _Chosen) -> EpisodeData:
    return item.run.load_episode(int(item.row.episode), writer=int(item.row.writer))


def _chosen(names: Sequence[str], choice: dict[str, Any], root: str | None) -> list[_Chosen]:
    """Return the episodes that are meant, in the order of their names."""
    runs: dict[str, ReplaySystem] = {}
    found: list[_Chosen] = []
    for name in names:
        run_name, episode = parted_name(name, root, runs)
        run = runs.setdefault(run_name, open_run(run_name, root))
        if episode is not None:
            found.append(_Chosen(run, run.load_episode(episode).row))
            continue
        found += [_Chosen(run, row) for row in rows_to_compare(run, **choice)]
    if len(found) > MOST_COMPARED:
        raise RenderError(
            f"a comparison shows at most {MOST_COMPARED:,} episodes, got {len(found):,}; "
            "use --where or --limit"
        )
    return found


def parted_name(name: str, root: str | None, runs: dict[str, ReplaySystem]) -> tuple[str, str | None]:
    """Return the run and the episode of a name; a path may hold colons of its own."""
    run_name, colon, episode = name.rpartition(":")
    if not colon:
        return name, None
    try:
        runs.setdefault(run_name, open_run(run_name, root))
    except RunNotFoundError:
        if not Path(name).is_dir():
            raise
        return name, None
    return run_name, episode


def _print_parting(aligned: AlignmentData) -> None:
    words = "they are the same in every step that both stored"
    if aligned.parted_at is not None:
        words = f"they part at step {aligned.parted_at}: another {aligned.parted_by}"
    elif not aligned.compared:
        words = "no step is stored of both"
    terminal().print(Text(words), soft_wrap=True)


def _print(chosen: Sequence[_Chosen], path: Path) -> None:
    console = terminal()
    several = len({item.run.run_dir for item in chosen}) > 1
    for run_dir in dict.fromkeys(item.run.run_dir for item in chosen):
        of_run = [item for item in chosen if item.run.run_dir == run_dir]
        shown = [item.row for item in of_run[:_MOST_LISTED]]
        solved = sum(bool(item.row.success) for item in of_run)
        title = f"{of_run[0].run.name} · {len(of_run):,} compared, {solved:,} solved"
        console.print(episode_table(shown, title), crop=False)
        if len(of_run) > len(shown):
            console.print(Text(f"… and {len(of_run) - len(shown):,} more", style="dim"))
        if several:
            console.print()
    console.print(Text(f"picture: {path}"), soft_wrap=True)
