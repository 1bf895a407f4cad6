"""The commands and their arguments; what they do is in modules of their own, imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jaxarc.cli.arguments import Root
from jaxarc.cli.picture_commands import compare, reel
from jaxarc.cli.replay_command import replay

__all__ = ["app"]

app = typer.Typer(
    name="jaxarc",
    help="Record, draw and replay episodes from inside compiled JAX programs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        import jaxarc

        typer.echo(f"jaxarc-toolkit {jaxarc.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Record, draw and replay episodes from inside compiled JAX programs."""


@app.command()
def rollout(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="OVERRIDE",
            help="Hydra overrides, such as visualization=debug_verbose env.num_envs=16 seed=0.",
        ),
    ] = None,
) -> None:
    """Play ARC tasks inside jax.jit, record the episodes, draw the kept ones.

    [bold]Examples[/]

    jaxarc rollout

    jaxarc rollout visualization=debug_verbose env.num_envs=16 rollout.num_steps=200 policy=painter seed=0

    jaxarc rollout env.dataset=path/to/arc/json capture.keep='\\[success,best_n:5]'
    """
    from jaxarc.cli.rollout import run_rollout

    run_rollout(overrides or [])


@app.command("ls")
def list_runs(
    run: Annotated[
        str | None, typer.Argument(metavar="[ROOT|RUN]", help="A folder of runs, or one run.")
    ] = None,
    where: Annotated[str | None, typer.Option(help="Which episodes: 'success and total_steps < 40'.")] = None,
    sort: Annotated[str | None, typer.Option(help="Columns to sort by: '-total_reward'.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The most rows to print.")] = 50,
    root: Root = None,
) -> None:
    """List the runs, or the episodes of one run.

    [bold]Examples[/]

    jaxarc ls

    jaxarc ls latest --where 'success and total_steps < 40' --sort -total_reward
    """
    from jaxarc.cli.listing import list_episodes_or_runs

    list_episodes_or_runs(run, root=root, where=where, sort=sort, limit=limit)


@app.command()
def show(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run: its name, the beginning of it, a path, latest, latest~1."),
    ],
    episode: Annotated[
        str,
        typer.Argument(
            metavar="EPISODE", help="Number of the episode; p001-7 where the writer p001 recorded it."
        ),
    ],
    step: Annotated[int | None, typer.Option(min=0, help="Only this step.")] = None,
    max_steps: Annotated[int, typer.Option(min=1, help="The most steps to print.")] = 12,
    root: Root = None,
) -> None:
    """Show an episode's boards in the terminal.

    [bold]Examples[/]

    jaxarc show latest 3

    jaxarc show latest 3 --step 7

    jaxarc show latest p001-3
    """
    from jaxarc.cli.show import show_episode

    show_episode(run, episode, step=step, max_steps=max_steps, root=root)


app.command()(replay)

app.command()(compare)

app.command()(reel)


@app.command()
def render(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run: its name, the beginning of it, a path, latest, latest~1."),
    ],
    episodes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EPISODES]", help="Numbers, ranges (3-9), names (p001-7); all with steps without."
        ),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMATS", help="Of svg,png,pdf,gif,mp4,html; as the run was told without."
        ),
    ] = None,
    steps: Annotated[
        str,
        typer.Option(metavar="STEPS", help="Steps with a picture of their own: all, key, none, 0,5,10-12."),
    ] = "all",
    where: Annotated[str | None, typer.Option(help="Which episodes: 'success and total_steps < 40'.")] = None,
    sort: Annotated[str | None, typer.Option(help="Columns to sort by: '-total_reward'.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The most episodes.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to; the run's episodes/ without.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; one a core without.")] = None,
    palette: Annotated[
        str | None, typer.Option(metavar="NAME", help="default, colorblind or high_contrast.")
    ] = None,
    theme: Annotated[str | None, typer.Option(metavar="NAME", help="light or dark.")] = None,
    quality: Annotated[
        str | None, typer.Option(metavar="NAME", help="Size of png, gif and mp4: low, medium or high.")
    ] = None,
    digits: Annotated[
        bool | None,
        typer.Option("--digits/--no-digits", help="Write the values of cells.", show_default=False),
    ] = None,
    coordinates: Annotated[
        bool | None,
        typer.Option("--coordinates/--no-coordinates", help="Number rows and columns.", show_default=False),
    ] = None,
    render: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="Your function that draws an observation or a state."),
    ] = None,
    root: Root = None,
) -> None:
    """Draw the episodes of a run: summaries, steps, films, pages.

    Looks and formats are those that the run was told, unless an option
    says something else. Drawing again gives the same bytes. An episode
    that cannot be drawn is told at the end, with exit code 1; the others
    are drawn.

    [bold]Examples[/]

    jaxarc render latest

    jaxarc render latest 3-9 --format svg,png --theme dark

    jaxarc render latest --where success --sort total_steps --limit 5 --steps key --format pdf,gif
    """
    from jaxarc.cli.render import Looks, render_run_pictures

    render_run_pictures(
        run,
        episodes or [],
        formats=format,
        steps=steps,
        where=where,
        sort=sort,
        limit=limit,
        out=out,
        jobs=jobs,
        looks=Looks(palette, theme, quality, digits, coordinates, render),
        root=root,
    )


@app.command()
def export(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run: its name, the beginning of it, a path, latest, latest~1."),
    ],
    format: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="minari, parquet, jsonl or pickle.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The file; for parquet the folder; for minari the folder of data sets.",
        ),
    ] = None,
    where: Annotated[str | None, typer.Option(help="Which episodes: 'success and complete'.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="The most episodes.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was done as JSON.")] = False,
    root: Root = None,
) -> None:
    """Write the episodes of a run as another format, every array as it was recorded.

    [bold]minari[/] takes complete episodes only, with T+1 observations.
    [bold]parquet[/] is a folder of episodes.parquet and steps.parquet.
    [bold]jsonl[/] is an episode a line. [bold]pickle[/] is plain dicts of
    NumPy arrays; loading a pickle runs the code that is in it, so load
    none that you did not make, and do not expect others to load yours.

    [bold]Examples[/]

    jaxarc export latest --format parquet --out data

    jaxarc export latest --format minari --where 'success' --out datasets
    """
    from jaxarc.cli.export import print_export

    print_export(run, format, out=out, where=where, limit=limit, force=force, as_json=as_json, root=root)


@app.command()
def report(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run: its name, the beginning of it, a path, latest, latest~1."),
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The page; report/index.html in the run if left off.")
    ] = None,
    theme: Annotated[
        str | None,
        typer.Option(
            metavar="THEME", help="What it shows first: auto (as the reader's system), light or dark."
        ),
    ] = None,
    palette: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Colours of the cells: default, colorblind or high_contrast."),
    ] = None,
    root: Root = None,
) -> None:
    """Write the page about a run: how it went, what it cost, what is missing.

    One file with everything in it. It is made from the run's files, also
    of a run that goes on or that crashed; the same files give the same page.

    [bold]Examples[/]

    jaxarc report latest

    jaxarc report latest --out report.html --theme dark
    """
    from jaxarc.cli.report import make_report

    make_report(run, out=out, theme=theme, palette=palette, root=root)


@app.command()
def doctor(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="A run: its name, the beginning of it, a path, latest, latest~1."),
    ],
    repair: Annotated[
        bool, typer.Option("--repair", help="Keep what can be read of damaged files; nothing is deleted.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    root: Root = None,
) -> None:
    """Check every file of a run: what is damaged, what was lost, what can be done.

    Every checksum is read. The exit code is 0 for a run that is whole and
    1 for one that is damaged. A repair writes new files of what can be
    read, moves the damaged ones to damaged/ in the run, and says in
    run.json what is lost.

    [bold]Examples[/]

    jaxarc doctor latest

    jaxarc doctor latest --repair
    """
    from jaxarc.cli.doctor import print_examination

    print_examination(run, repair=repair, as_json=as_json, root=root)


@app.command()
def clean(
    run: Annotated[
        str | None, typer.Argument(metavar="[ROOT|RUN]", help="A folder of runs, or one run.")
    ] = None,
    max_storage_gb: Annotated[
        float | None, typer.Option(help="Size of a run above which episodes give up their steps.")
    ] = None,
    max_episodes: Annotated[
        int | None, typer.Option(help="The most episodes of a run that keep their steps.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(help="Which go first: size_based or oldest_first.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; print what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    root: Root = None,
) -> None:
    """Bring ended runs within their limits, merge small files and remove leftovers.

    Without options the limits count that each run was told in storage.
    Rows and numbers of episodes stay; so do the steps of pinned episodes
    and of the best one, and the first success of each task goes last.
    Runs that are being written are left alone.

    [bold]Examples[/]

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


@app.command()
def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="Two workloads and fewer pairs: under two minutes.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A workload to measure; may be repeated.")
    ] = None,
    pairs: Annotated[int | None, typer.Option(min=1, help="Pairs of timings of each variant.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Also write everything here.")] = None,
    examples: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where ppo.py and ppo_cartpole.py are.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Measure nothing; print that report as Markdown.")
    ] = None,
) -> None:
    """Measure what recording costs on this machine.

    Workloads: arc-1, arc-64, arc-1024, cartpole-4, cartpole-64,
    cartpole-2048, loop-16, ppo-arc, ppo-cartpole. Runs are written to the
    folder for temporary files (TMPDIR).

    [bold]Examples[/]

    jaxarc bench --quick

    jaxarc bench --only arc-64 --only cartpole-64 --pairs 30 --out overhead.json

    jaxarc bench --markdown overhead.json
    """
    from jaxarc.cli.bench import print_markdown, run_bench

    if markdown is not None:
        print_markdown(markdown)
    else:
        run_bench(quick=quick, only=only or [], pairs=pairs, out=out, examples=examples)
