"""The arguments of ``jaxarc doctor``, ``clean``, ``export`` and ``bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Json, Limit, Root, RootOrRun, Run, Where

__all__ = ["bench", "clean", "doctor", "export"]


def doctor(
    run: Run,
    repair: Annotated[
        bool, typer.Option("--repair", help="Keep what can be read of damaged files; nothing is deleted.")
    ] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Check every file of a run: what is damaged or lost, what to do.

    Every checksum is read. The exit code is 0 for a run that is whole and
    1 for one that is damaged. A repair writes new files of what can be
    read, moves the damaged ones to damaged/ in the run, and says in
    run.json what is lost.

    Examples:

    jaxarc doctor latest

    jaxarc doctor latest --repair
    """
    from jaxarc.cli.doctor import print_examination

    print_examination(run, repair=repair, as_json=as_json, root=root)


def clean(
    run: RootOrRun = None,
    max_storage_gb: Annotated[
        float | None,
        typer.Option(metavar="GB", help="Size of a run above which episodes give up their steps."),
    ] = None,
    max_episodes: Annotated[
        int | None, typer.Option(metavar="N", help="The most episodes of a run that keep their steps.")
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Which go first: size_based or oldest_first.",
            autocompletion=completions.names("size_based", "oldest_first"),
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; print what would go.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Bring ended runs within their limits and remove leftovers.

    Small files are merged. Without options the limits count that each run was told in storage.
    Rows and numbers of episodes stay; so do the steps of pinned episodes
    and of the best one, and the first success of each task goes last.
    Runs that are being written are left alone.

    Examples:

    jaxarc clean --dry-run

    jaxarc clean latest --max-episodes 100 --policy oldest_first
    """
    from jaxarc.cli.clean import clean_runs

    clean_runs(
        run,
        root=root,
        max_storage_gb=max_storage_gb,
        max_episodes=max_episodes,
        policy=policy,
        dry_run=dry_run,
        as_json=as_json,
    )


def export(
    run: Run,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="minari, parquet, jsonl or pickle.",
            autocompletion=completions.names("minari", "parquet", "jsonl", "pickle"),
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The file; for parquet the folder; for minari the folder of data sets.",
        ),
    ] = None,
    where: Where = None,
    limit: Limit = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Write episodes as another format, every array as it was recorded.

    minari takes complete episodes only, with T+1 observations.
    parquet is a folder of episodes.parquet and steps.parquet.
    jsonl is an episode a line. pickle is plain dicts of
    NumPy arrays; loading a pickle runs the code that is in it, so load
    none that you did not make, and do not expect others to load yours.

    Examples:

    jaxarc export latest --format parquet --out data

    jaxarc export latest --format minari --where 'success' --out datasets
    """
    from jaxarc.cli.export import print_export

    print_export(run, format, out=out, where=where, limit=limit, force=force, as_json=as_json, root=root)


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Two workloads and fewer pairs: under two minutes.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A workload to measure; may be repeated.")
    ] = None,
    pairs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Pairs of timings of each variant.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Also write everything here.")] = None,
    examples: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where ppo.py and ppo_cartpole.py are.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Measure nothing; print that report as Markdown.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure what recording costs on this machine.

    Workloads: arc-1, arc-64, arc-1024, cartpole-4, cartpole-64,
    cartpole-2048, loop-16, ppo-arc, ppo-cartpole. Runs are written to the
    folder for temporary files (TMPDIR).

    Examples:

    jaxarc bench --quick

    jaxarc bench --only arc-64 --only cartpole-64 --pairs 30 --out overhead.json

    jaxarc bench --markdown overhead.json
    """
    from jaxarc.cli.bench import print_markdown, run_bench

    if markdown is not None:
        print_markdown(markdown)
    else:
        chosen = {"quick": quick, "only": only or [], "pairs": pairs, "examples": examples}
        run_bench(**chosen, out=out, as_json=as_json)
