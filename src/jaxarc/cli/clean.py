"""``jaxarc clean``: runs within their limits, without leftovers."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import fitting_table
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import size
from jaxarc.config import EpisodeConfig
from jaxarc.errors import DamagedFileError, RunNotFoundError, StorageError
from jaxarc.replay.system import DEFAULT_ROOT
from jaxarc.storage import (
    CleanupResult,
    clean_run,
    derive_status,
    find_runs,
    read_run_file,
    resolve_run,
    run_storage_config,
)

__all__ = ["clean_runs"]


@dataclass(frozen=True)
class _Cleaned:
    """What became of one run: what went, or why nothing did."""

    run_dir: Path
    result: CleanupResult | None = None
    left_alone: str = ""
    failed: str = ""

    def to_json(self) -> dict[str, object]:
        found: dict[str, object] = {"run": str(self.run_dir)}
        if self.result is None:
            return {**found, "left_alone": self.left_alone, "failed": self.failed}
        result = self.result
        return {
            **found,
            "policy": result.policy,
            "episodes": [list(pair) for pair in result.episodes],
            "steps": result.steps,
            "leftovers": [str(path) for path in result.leftovers],
            "bytes_before": result.bytes_before,
            "bytes_after": result.bytes_after,
            "is_within_limits": result.is_within_limits,
            "problems": [str(problem) for problem in result.problems],
        }


def clean_runs(
    name: str | None,
    *,
    root: str | None,
    max_storage_gb: float | None,
    max_episodes: int | None,
    policy: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring one run, or all below a folder, within their limits, and print what went or would go.

    Args:
        name: a folder of runs, or what ``jaxarc.open`` takes; None for ``root``.
        root: where runs are looked for.
        max_storage_gb, max_episodes, policy: instead of what each run was told; None for that.
        dry_run: change nothing.
        as_json: print one JSON document.

    Raises:
        RunNotFoundError: neither a folder nor a run answers to the name.
        ConfigError: an option has a value that the configuration would refuse.
    """
    base = Path(root or os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    folder = base if name is None else Path(name).expanduser()
    runs = find_runs(folder) if folder.is_dir() else [resolve_run(name, base)] if name is not None else []
    if not runs:
        raise RunNotFoundError(f"no runs below {folder}")
    given = {
        "max_storage_gb": max_storage_gb,
        "max_episodes_per_run": max_episodes,
        "cleanup_policy": policy,
    }
    given = {key: value for key, value in given.items() if value is not None}
    EpisodeConfig(**given)  # what is wrong with an option is said before anything goes
    cleaned = [_clean(run_dir, given, dry_run) for run_dir in runs]
    if as_json:
        said = {"dry_run": dry_run, "runs": [each.to_json() for each in cleaned]}
        print_json(said)
    else:
        _print(terminal(), folder, cleaned, dry_run)
    if any(each.failed for each in cleaned):
        raise typer.Exit(1)


def _clean(run_dir: Path, given: dict[str, object], dry_run: bool) -> _Cleaned:
    try:
        if derive_status(run_dir, read_run_file(run_dir)) == "RUNNING":
            return _Cleaned(run_dir, left_alone="is being written")
        config = replace(run_storage_config(run_dir), **given)
        return _Cleaned(run_dir, clean_run(run_dir, config, dry_run=dry_run))
    except (StorageError, DamagedFileError) as error:
        return _Cleaned(run_dir, failed=str(error))


def _print(console: Console, folder: Path, cleaned: list[_Cleaned], dry_run: bool) -> None:
    done = [(each, each.result) for each in cleaned if each.result is not None]
    changed = [
        (each, result)
        for each, result in done
        if result.episodes or result.leftovers or result.bytes_before != result.bytes_after
    ]
    freed = sum(result.bytes_before - result.bytes_after for _, result in changed)
    verb = "would be freed" if dry_run else "freed"
    freed_words = f"about {size(freed)}" if dry_run and freed else size(freed)
    title = f"{len(cleaned)} runs below {folder}: {freed_words} {verb}"
    if len(cleaned) == 1:
        title = f"{cleaned[0].run_dir.name}: {freed_words} {verb}"
    if changed:
        console.print(
            fitting_table(
                title,
                {
                    "run": [Text(each.run_dir.name) for each, _ in changed],
                    "episodes": [f"{len(result.episodes):,}" for _, result in changed],
                    "steps": [f"{result.steps:,}" for _, result in changed],
                    "leftovers": [f"{len(result.leftovers):,}" for _, result in changed],
                    "before": [size(result.bytes_before) for _, result in changed],
                    "after": [size(result.bytes_after) for _, result in changed],
                    "policy": [result.policy if result.episodes else "-" for _, result in changed],
                },
                text={"run", "policy"},
                dropped=["policy", "steps", "before"],
            ),
            crop=False,
        )
        if dry_run:
            console.print("nothing was changed; without --dry-run this goes", style="dim")
    else:
        console.print(Text(title), soft_wrap=True)
    for each in cleaned:
        if each.left_alone:
            console.print(Text(f"{each.run_dir.name}: {each.left_alone}, left alone", style="cyan"))
        if each.failed:
            console.print(Text(f"failed: {each.failed}", style="red"), soft_wrap=True)
        if each.result is not None:
            for problem in each.result.problems:
                console.print(Text(f"damaged: {problem}", style="red"), soft_wrap=True)
            if not each.result.is_within_limits:
                words = "still over its limit: what is left is protected, or is not steps"
                console.print(Text(f"{each.run_dir.name}: {words}", style="yellow"), soft_wrap=True)
