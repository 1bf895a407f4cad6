"""``jaxarc rollout``: play ARC tasks inside jax.jit, record, draw, and say where to look."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import episode_table
from jaxarc.cli.run_glance import run_facts
from jaxarc.cli.terminal import terminal
from jaxarc.config import Config, load_config
from jaxarc.envs import ArcEnv, AutoReset, Rollout, load_tasks, make_policy
from jaxarc.errors import ConfigError, ConfigProblem, NotRecordedError
from jaxarc.pipeline import Health, losses_text
from jaxarc.recorder import Recorder
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views.run_summary import summarise_run
from jaxarc.storage import EpisodeManager
from jaxarc.visualization import EnhancedVisualizer
from jaxarc.visualization.report import REPORT_FILE, write_report

__all__ = ["run_rollout"]

_CALLS = (10, 50)
"""A rollout is cut into about this many calls of one compiled program, so that its progress can be seen."""

_BAR_WIDTH = 12


def make_env(config: Config) -> AutoReset:
    """Return the environment that a configuration asks for."""
    env = config.env
    tasks = load_tasks(env.dataset, env.split, ids=env.task_ids)
    return AutoReset(
        ArcEnv(
            tasks,
            max_episode_steps=env.max_episode_steps,
            similarity_weight=env.similarity_weight,
            step_penalty=env.step_penalty,
            success_bonus=env.success_bonus,
            wrong_submission_penalty=env.wrong_submission_penalty,
            allowed_operations=env.allowed_operations,
            pairs=env.pairs,
        )
    )


def refuse_unknown_envs(config: Config) -> None:
    """Check the environments that are asked for against those that are played, before there is a run.

    Raises:
        ConfigError: ``capture.envs``, or that of the stream that is recorded, names ids past the last one.
    """
    num_envs, stream = config.env.num_envs, config.capture.streams.get("train")
    of_stream = stream is not None and stream.envs is not None
    key = "capture.streams.train.envs" if of_stream else "capture.envs"
    envs = config.capture.for_stream("train").envs
    if isinstance(envs, int):
        return
    outside = [env for env in envs if env >= num_envs]
    if outside:
        left = [env for env in envs if env < num_envs] or [0]
        problem = f"must be ids below env.num_envs, got {', '.join(map(str, outside))} with {num_envs} envs"
        raise ConfigError([ConfigProblem(key, problem, f"{key}=[{','.join(map(str, left))}]")])


def _steps_per_call(num_steps: int) -> int:
    """Return a divisor of ``num_steps`` that makes some ten to fifty calls; all of it where there is none."""
    few, many = _CALLS
    divisors = [n for n in range(max(1, -(-num_steps // many)), num_steps // few + 1) if num_steps % n == 0]
    return divisors[-1] if divisors else num_steps


def run_rollout(overrides: Sequence[str], *, as_json: bool = False) -> None:
    """Run the command.

    Args:
        overrides: of the configuration.
        as_json: print one JSON document about the run; everything else goes to stderr.

    Raises:
        ConfigError: with everything that is wrong with the overrides, or environments that are not played.
        TaskError: the tasks cannot be loaded.
    """
    config = load_config(overrides)
    refuse_unknown_envs(config)
    console = terminal(stderr=as_json)
    env = make_env(config)
    with Recorder(config) as recorder:
        recorder.names(task=env.tasks.ids)
        console.print(Text(recorder.announcement(), style="dim"))
        started = time.perf_counter()
        try:
            _play(config, env, recorder, console)
        except KeyboardInterrupt:
            if recorder.run_dir is not None:
                recorded = f"interrupted; what was recorded: jaxarc ls {recorder.run_dir.name}"
                console.print(recorded, style="yellow", highlight=False, soft_wrap=True)
            raise
        played_s = time.perf_counter() - started
    health = recorder.health()
    if recorder.run_dir is None:
        steps = config.env.num_envs * config.rollout.num_steps
        console.print(
            f"played {steps:,} env steps in {played_s:.1f} s; nothing was recorded (capture.level=off)"
        )
        if as_json:
            print_json({"run": None, "env_steps": steps})
        return
    drawn = _draw_kept(config, recorder.run_dir, console)
    if config.visualization.report and drawn:
        write_report(ReplaySystem(recorder.run_dir))  # again, for there are more pictures to link to
    _report(config, recorder.run_dir, health, drawn, console)
    if as_json:
        run = ReplaySystem(recorder.run_dir)
        print_json({**run_facts(run, summarise_run(run, max_examples=1)), "pictures": drawn})


def _play(config: Config, env: AutoReset, recorder: Recorder, console: Console) -> None:
    """Play the whole rollout in calls of one compiled program, and show how it goes."""
    num_envs, num_steps = config.env.num_envs, config.rollout.num_steps
    per_call = _steps_per_call(num_steps)
    rollout = Rollout(
        env,
        make_policy(config.policy),
        num_envs=num_envs,
        steps_per_call=per_call,
        seed=config.seed,
        scan=recorder.scan,
    )
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=_BAR_WIDTH),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
        console=console,
    ) as progress:
        bar = progress.add_task("compiling", total=num_steps, numbers="")
        began = time.perf_counter()
        for call in range(num_steps // per_call):
            rollout.play()
            if call == 0:
                # The first call compiled: the rate counts from here.
                began, counted = time.perf_counter(), 0
            else:
                counted = call * per_call * num_envs
            _show(
                progress, bar, (call + 1) * per_call, counted, time.perf_counter() - began, recorder.health()
            )


def _show(progress: Progress, bar: TaskID, done: int, counted: int, seconds: float, health: Health) -> None:
    facts = [
        f"{health.successes}/{health.episodes} solved",
        f"queue {health.queue_bytes / 1e6:.1f} MB",
        "nothing lost",
    ]
    if counted and seconds:
        facts.insert(0, f"{counted / seconds:,.0f} env-steps/s")
    if health.losses:
        # First, so that it is the last thing to give way.
        facts = [f"lost: {losses_text(health.losses)}", *facts[:-1]]
    total = int(progress.tasks[bar].total or 0)
    room = progress.console.width - len(f"playing {total}/{total} ") - _BAR_WIDTH - 2
    while len(facts) > 1 and len(" · ".join(facts)) > room:
        facts.pop()  # rich would cut every column instead, the count of steps first
    if len(facts[0]) > room and health.losses:
        facts = [f"lost: {sum(health.losses.values()):,}"]
    progress.update(bar, completed=done, description="playing", numbers=" · ".join(facts))


def _draw_kept(config: Config, run_dir: Path, console: Console) -> int:
    """Draw the kept episodes, at most ``rollout.draw_episodes``; return how many there are files of."""
    run = ReplaySystem(run_dir)
    kept = run.episodes(where="stored_steps > 0")
    numbers = kept["episode"].tolist()[: config.rollout.draw_episodes]
    visualizer = EnhancedVisualizer(config.visualization, EpisodeManager(config.storage, run_dir))
    files = 0
    with Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn(), console=console
    ) as progress:
        bar = progress.add_task("drawing", total=len(numbers), visible=bool(numbers))
        for number in numbers:
            with suppress(NotRecordedError):  # a journal alone holds nothing to draw
                files += len(visualizer.visualize_episode(run.load_episode(number)))
            progress.advance(bar)
    return files


def _report(config: Config, run_dir: Path, health: Health, files: int, console: Console) -> None:
    """Say what was recorded, where it is, and how to look at it."""
    run = ReplaySystem(run_dir)
    rows = run.episodes(where="stored_steps > 0", sort="-success,-total_reward", limit=10)
    table = run.episodes()
    lengths = table["total_steps"]
    console.print()
    if len(rows):
        console.print(episode_table(list(rows), "Best stored episodes"), crop=False)
        console.print()
    solved = int(table["success"].sum())
    cut = int((table["ended"] == b"cut").sum())
    mean = f" of {float(np.mean(lengths)):.1f} steps on average" if len(table) else ""
    unsolved = len(table) - solved - cut
    kept = f"{health.kept_episodes} episodes"
    facts = {
        "episodes": f"{len(table)}{mean}: {solved} solved, {unsolved} not, {cut} still open at the end",
        "steps": f"{health.env_steps:,} played, {health.stored_steps:,} stored of {kept}",
        "on disk": f"{health.segment_bytes / 1e3:,.0f} kB of rows and steps, {files} pictures",
        "losses": losses_text(health.losses) or "none",
        "run": str(_shown(run_dir)),
    }
    if files:
        facts["pictures"] = str(_shown(run_dir) / "episodes")
    if (run_dir / REPORT_FILE).is_file():
        facts["report"] = str(_shown(run_dir / REPORT_FILE))
    facts |= {name: str(tracker) for name, tracker in health.trackers.items()}
    width = max(map(len, facts))
    for name, value in facts.items():
        console.print(Text.assemble((f"{name:>{width}}  ", "bold"), value), soft_wrap=True)
    console.print()
    console.print("Look at it:", style="bold")
    example = int(rows["episode"][0]) if len(rows) else 0
    console.print(f"  jaxarc ls {run.name}", highlight=False, soft_wrap=True)
    if len(rows):
        console.print(f"  jaxarc show {run.name} {example}", highlight=False, soft_wrap=True)
        picture = EpisodeManager(config.storage, run_dir).episode_dir(example) / "summary"
        if files:
            kind = config.visualization.output_formats[0]
            console.print(f"  open {_shown(picture)}.{kind}", highlight=False, soft_wrap=True)
    for tracker in health.trackers.values():
        if tracker.shown_at:
            shown_at = tracker.shown_at.replace(f"{Path.cwd()}/", "")
            console.print(Text(f"  {shown_at}"), highlight=False, soft_wrap=True)


def _shown(path: Path) -> Path:
    """Return a path as it is shortest to type from here."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
