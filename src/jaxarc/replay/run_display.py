"""A run as a notebook shows it: what it is, how it went, what is missing, and what to ask next."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from jaxarc.errors import JaxArcError
from jaxarc.rendering.notebook_style import notebook_cell
from jaxarc.rendering.run_curve import return_curve
from jaxarc.rendering.text import clean, escape, number
from jaxarc.replay.addresses import shown_address

if TYPE_CHECKING:
    from jaxarc.records.table import EpisodeRow
    from jaxarc.replay.run_reader import RunReader
    from jaxarc.replay.views.run_summary import RunSummary

__all__ = ["run_html", "runs_html"]

_MOST_EPISODES = 500_000
"""Episodes up to which a run is surveyed when it shows itself; of more only what costs nothing is said."""

_MOST_PROBLEMS = 5
_MOST_RUNS = 50
_MOST_NOTES = 3
_LOOKS = {"FINISHED": "good", "RUNNING": "", "FAILED": "bad", "KILLED": "bad", "LOST": "bad"}
_RULES = """
& .beside { display: flex; flex-wrap: wrap; gap: 4px 28px; align-items: flex-start; }
& .beside > * { min-width: 0; }
& img { display: block; max-width: 100%; }
& ul { margin: 4px 0; }
"""


def run_html(run: RunReader) -> str:
    """Return a run as HTML for a notebook's cell; whatever cannot be read is said in words."""
    try:
        if len(run) > _MOST_EPISODES:
            return _cell(run, None)
        from jaxarc.replay.views.run_summary import summarise_run

        return _cell(run, summarise_run(run, max_tasks=1, max_examples=1))
    except JaxArcError as error:  # a notebook would show where it was raised instead of what is wrong
        return notebook_cell(
            f"{_heading(run.name, run.status)}<p>{escape(f'It cannot be read: {error}')}</p>"
        )


def _heading(name: str, status: str) -> str:
    look = _LOOKS.get(status, "muted")
    return f'<h4>{escape(_shortened(name))} <span class="badge {look}">{escape(status)}</span></h4>'


def _cell(run: RunReader, summary: RunSummary | None) -> str:
    parts = [_heading(run.name, run.status)]
    if summary is None:
        words = f"{len(run):,} episodes; with so many they are not looked through just to be shown."
        parts.append(f"<p>{words}</p>")
        parts.append(_problems([str(problem) for problem in run.problems], {}))
        return notebook_cell("".join(parts), _RULES)
    parts.append(f'<p class="muted">{escape(_about(summary))}</p>')
    if summary.continued_in is not None:
        parts.append(
            f"<p>It goes on in run <code>{escape(_shortened(summary.continued_in.name))}</code>.</p>"
        )
    drawn = return_curve(summary.picture.streams[0]) if summary.picture.streams else ""
    curve = ""
    if drawn:
        data = base64.b64encode(drawn.encode()).decode("ascii")
        curve = f'<img alt="return over environment steps" src="data:image/svg+xml;base64,{data}">'
    parts.append(f'<div class="beside">{_facts(summary)}{curve}</div>')
    parts.append(_problems(summary.problems, dict(summary.losses or {})))
    parts.append(_annotations(run))
    parts.append(_next(run, summary))
    return notebook_cell("".join(parts), _RULES)


def _about(summary: RunSummary) -> str:
    capture = (summary.config or {}).get("capture")
    level = capture.get("level") if isinstance(capture, dict) else None
    words = [summary.ending] if summary.ending else []
    if summary.created is not None:
        words.append(f"Begun {datetime.fromtimestamp(summary.created, UTC):%Y-%m-%d %H:%M} UTC.")
    if level:
        words.append(f"Recorded at level {level}.")
    if summary.is_whole:
        words.append("Nothing was lost.")
    return " ".join(words)


def _facts(summary: RunSummary) -> str:
    picture = summary.picture
    rows = [
        ("Episodes", f"{picture.num_episodes:,}", _parts_of(summary)),
        ("with stored steps", f"{summary.num_stored:,}", f"{summary.num_stored_steps:,} steps"),
        ("Environment steps", f"{picture.env_steps:,}", ""),
    ]
    if picture.num_solved is not None:
        rows.append(("Solved", f"{picture.num_solved:,}", _share(summary.success_rate)))
    if summary.num_ended:
        rows.append(("Mean return", number(summary.mean_return), ""))
        rows.append(("Mean length", number(summary.mean_length), "steps"))
    if summary.num_tasks:
        rows.append(("Tasks", f"{summary.num_tasks:,}", ""))
    body = "".join(
        f'<tr><th>{name}</th><td class="number">{value}</td><td class="muted">{escape(more)}</td></tr>'
        for name, value, more in rows
    )
    return f"<table><tbody>{body}</tbody></table>"


def _parts_of(summary: RunSummary) -> str:
    named = [("running", summary.num_running), ("cut by the end", summary.num_cut)]
    return ", ".join(f"{count:,} {words}" for words, count in named if count)


def _share(rate: float) -> str:
    if rate != rate:
        return ""
    return f"{rate:.0%} of those that ended" if rate in (0.0, 1.0) else f"{rate:.1%} of those that ended"


def _problems(problems: Sequence[str], losses: dict[str, int]) -> str:
    said = [f"lost: {count:,} {kind.replace('_', ' ')}" for kind, count in losses.items() if count]
    said += problems
    if not said:
        return ""
    more = len(said) - _MOST_PROBLEMS
    items = [f"<li>{escape(_shortened(words, 300))}</li>" for words in said[:_MOST_PROBLEMS]]
    if more > 0:
        items.append(f"<li>and {more:,} more; <code>run.problems</code> lists them</li>")
    return f'<ul class="bad">{"".join(items)}</ul>'


def _annotations(run: RunReader) -> str:
    """Return the latest notes, and how many episodes are pinned."""
    notes, pinned = run.notes(), run.pinned()
    lines = [f"<li>{escape(_shortened(note, 300))}</li>" for note in notes[-_MOST_NOTES:]]
    if len(notes) > _MOST_NOTES:
        lines.insert(0, f"<li>{len(notes):,} notes; <code>run.notes()</code> lists them, the latest are</li>")
    if pinned:
        lines.append(f"<li>{len(pinned):,} pinned; <code>run.pinned()</code> lists them</li>")
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _next(run: RunReader, summary: RunSummary) -> str:
    """Say what can be asked of this very run: with episodes that it has."""
    if not len(run):
        return '<p class="note">It has no episode yet.</p>'
    hints = ["run.episodes()"]
    if summary.num_tasks:
        hints.append("run.tasks()")
    row = _stored(summary)
    if row is not None:
        name = shown_address(int(row.get("writer", 0)), int(row.episode))
        name = name if name.isdigit() else f"'{name}'"
        hints += [f"run.load_episode({name})", f"run.explain({name})"]
    return f'<p class="note">{" · ".join(f"<code>{hint}</code>" for hint in hints)}</p>'


def _stored(summary: RunSummary) -> EpisodeRow | None:
    remarkable = summary.remarkable
    named = [remarkable[rule] for rule in ("first_solved", "best", "longest") if rule in remarkable]
    return next((row for row in [*named, *summary.examples] if row.stored_steps), None)


def _shortened(name: object, limit: int = 80) -> str:
    text = clean(name)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def runs_html(runs: Iterable[RunReader]) -> str:
    """Return several runs as HTML for a notebook's cell: a line each."""
    listed = list(runs)
    lines = []
    for run in listed[:_MOST_RUNS]:
        table = run.episodes()
        rewards = np.asarray(table["total_reward"], float)
        known = np.isfinite(rewards) & np.isin(table["ended"], (b"terminated", b"truncated"))
        mean = number(float(rewards[known].mean())) if known.any() else ""
        look = _LOOKS.get(run.status, "muted")
        cells = [
            f'<td title="{escape(run.name)}">{escape(_shortened(run.name))}</td>',
            f'<td><span class="badge {look}">{escape(run.status)}</span></td>',
            f'<td class="number">{len(run):,}</td>',
            f'<td class="number">{int((table["stored_steps"] > 0).sum()):,}</td>',
            f'<td class="number">{int(table["success"].sum()):,}</td>',
            f'<td class="number">{mean}</td>',
            f'<td class="number">{len(run.problems) or ""}</td>',
        ]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    names = ("run", "status", "episodes", "with steps", "success", "mean return", "problems")
    heads = "".join(
        f"<th{'' if name in ('run', 'status') else ' class=number'}>{name}</th>" for name in names
    )
    more = len(listed) - _MOST_RUNS
    note = f'<p class="note">and {more:,} more runs</p>' if more > 0 else ""
    count = f"{len(listed):,} run{'' if len(listed) == 1 else 's'}"
    table_html = f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
    return notebook_cell(f'<h4>{count}</h4><div class="scroll">{table_html}</div>{note}', _RULES)
