"""Episodes compared by what they share: outcomes task by task, and how often each operation was used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.rendering.picture import Picture
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, label, number, width_of

__all__ = ["operations_used", "outcome_by_task", "outcome_of"]

_ROW = 24.0
_TASKS_AT_MOST = 30
_OPERATIONS_AT_MOST = 24
_COLUMNS_AT_MOST = 6
_NAMES = 190.0
_OUTCOMES: tuple[str, ...] = ("solved", "not solved", "open")


def outcome_of(data: EpisodeSummaryData) -> str:
    """Return how an episode went: ``solved``, ``not solved``, or ``open`` where that is not known."""
    if data.success:
        return "solved"
    return "open" if data.success is None or data.ended in ("cut", "running") else "not solved"


def _colours(style: Style) -> dict[str, str]:
    theme = style.colours
    return dict(zip(_OUTCOMES, (theme.good, theme.bad, theme.muted), strict=True))


def _legend(counts: dict[str, int], style: Style) -> str:
    x, parts = 0.0, []
    for outcome, colour in _colours(style).items():
        if not counts.get(outcome):
            continue
        words = f"{outcome} {counts[outcome]:,}"
        parts.append(f'<rect x="{x:g}" y="1" width="12" height="10" rx="2" fill="{colour}"/>')
        parts.append(label(x + 18, 10, words, 11, style.colours.ink))
        x += round(18 + width_of(words, 11) + 22)
    return "".join(parts)


def _rule(y: float, width: float, style: Style) -> str:
    return f'<path d="M0 {y:g}h{width:g}" stroke="{style.colours.line}"/>'


def _counted(episodes: Sequence[EpisodeSummaryData]) -> dict[str, int]:
    counts: dict[str, int] = dict.fromkeys(_OUTCOMES, 0)
    for data in episodes:
        counts[outcome_of(data)] += 1
    return counts


def _tasks(episodes: Sequence[EpisodeSummaryData]) -> list[tuple[str, list[EpisodeSummaryData]]]:
    by_task: dict[str, list[EpisodeSummaryData]] = {}
    for data in episodes:
        by_task.setdefault(clean(data.task_id), []).append(data)
    return list(by_task.items())


def _solved_share(episodes: Sequence[EpisodeSummaryData]) -> float:
    return _counted(episodes)["solved"] / len(episodes)


def outcome_by_task(episodes: Sequence[EpisodeSummaryData], width: float, style: Style) -> Picture:
    """Draw a bar a task: how many of its episodes were solved, not solved, or are open.

    The tasks with the most episodes have a row, the ones that were solved most often first; the others are
    counted together.
    """
    theme = style.colours
    tasks = sorted(_tasks(episodes), key=lambda item: (-len(item[1]), item[0]))
    shown = tasks[:_TASKS_AT_MOST] if len(tasks) > _TASKS_AT_MOST + 1 else tasks
    rest = [data for _, group in tasks[len(shown) :] for data in group]
    shown.sort(key=lambda item: (-_solved_share(item[1]), -len(item[1]), item[0]))
    rows = [*shown, *([(f"{len(tasks) - len(shown):,} more tasks", rest)] if rest else [])]
    columns = [("Solved", width * (0.78 if style.include_metrics else 1.0))]
    if style.include_metrics:
        columns += [("Mean reward", width * 0.9), ("Best similarity", width)]
    end = columns[0][1] - 90
    longest = max(len(group) for _, group in shown)
    parts = [_legend(_counted(episodes), style), label(0, 42, "Task", 11, theme.muted)]
    parts += [label(x, 42, name, 11, theme.muted, anchor="end") for name, x in columns]
    parts.append(_rule(50, width, style))
    for index, (name, group) in enumerate(rows):
        y = 50 + _ROW * (index + 1) - 7
        is_rest = bool(rest) and index == len(rows) - 1
        ink = theme.muted if is_rest else theme.ink
        parts.append(label(0, y, name or "no task", 13, ink, max_width=_NAMES - 16))
        counts = _counted(group)
        x, scale = _NAMES, (end - _NAMES) / (len(group) if is_rest else longest)
        for outcome, colour in _colours(style).items():
            wide = counts[outcome] * scale
            if wide:
                see = ' fill-opacity=".6"' if is_rest else ""
                parts.append(
                    f'<rect x="{x:.1f}" y="{y - 11:g}" width="{max(wide, 0.5):.1f}" height="13" '
                    f'fill="{colour}"{see}/>'
                )
            x += wide
        cells = [f"{counts['solved']:,} of {len(group):,}"]
        cells += [
            _mean([data.total_reward for data in group]),
            _best([data.final_similarity for data in group]),
        ]
        for (_, right), words in zip(columns, cells, strict=False):
            parts.append(label(right, y, words, 13, ink, anchor="end", max_width=110))
    return Picture(width, 50 + _ROW * len(rows) + 2, "".join(parts))


def _mean(values: Sequence[float]) -> str:
    known = [float(value) for value in values if np.isfinite(value)]
    return number(float(np.mean(known)), signed=True) if known else "\u2013"


def _best(values: Sequence[float]) -> str:
    known = [float(value) for value in values if np.isfinite(value)]
    return number(max(known)) if known else "\u2013"


def _groups(episodes: Sequence[EpisodeSummaryData]) -> list[tuple[str, list[EpisodeSummaryData]]]:
    """Return the columns: an episode each while they are few, an outcome each beyond."""
    if len(episodes) <= _COLUMNS_AT_MOST:
        return [(f"episode {data.episode_num} · {outcome_of(data)}", [data]) for data in episodes]
    found = [
        (outcome, [data for data in episodes if outcome_of(data) == outcome and data.operations])
        for outcome in _OUTCOMES
    ]
    return [(f"{outcome} · {len(group):,} episodes", group) for outcome, group in found if group]


def operations_used(episodes: Sequence[EpisodeSummaryData], width: float, style: Style) -> Picture:
    """Draw a row an operation: its share of the stored steps, by episode, or by outcome of many."""
    theme = style.colours
    totals: dict[str, int] = {}
    for data in episodes:
        for name, count in data.operations.items():
            totals[clean(name)] = totals.get(clean(name), 0) + int(count)
    if not any(totals.values()):
        words = "no operation was recorded in these episodes"
        return Picture(width, 40, label(0, 24, words, 13, theme.muted))
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    shown = ranked[:_OPERATIONS_AT_MOST] if len(ranked) > _OPERATIONS_AT_MOST + 1 else ranked
    groups = _groups(episodes)
    shares = []
    for _, group in groups:
        counts: dict[str, int] = {}
        for data in group:
            for name, count in data.operations.items():
                counts[clean(name)] = counts.get(clean(name), 0) + int(count)
        steps = max(sum(counts.values()), 1)
        shares.append({name: count / steps for name, count in counts.items()})
    column = (width - 150) / len(groups)
    room = column - 70
    longest = max(share for found in shares for share in found.values())
    parts = [label(0, 12, "Operation", 11, theme.muted)]
    for index, (heading, _) in enumerate(groups):
        parts.append(label(150 + index * column, 12, heading, 11, theme.muted, max_width=column - 12))
    parts.append(_rule(20, width, style))
    for row, name in enumerate(shown):
        y = 20 + _ROW * (row + 1) - 7
        parts.append(label(0, y, name, 13, theme.ink, max_width=138))
        for index, (_, group) in enumerate(groups):
            share = shares[index].get(name, 0.0)
            x = 150 + index * column
            colour = _colours(style)[outcome_of(group[0])]
            wide = share / longest * room
            if share:
                size = f'width="{max(wide, 1):.1f}" height="13"'
                parts.append(f'<rect x="{x:.1f}" y="{y - 11:g}" {size} fill="{colour}"/>')
                parts.append(label(round(x + wide + 6, 1), y, f"{share:.1%}", 11, theme.ink))
    height = 20 + _ROW * len(shown)
    if len(shown) < len(ranked):
        left = sum(totals[name] for name in ranked[len(shown) :])
        words = f"{len(ranked) - len(shown):,} more operations, {left:,} of {sum(totals.values()):,} steps"
        parts.append(label(0, height + 17, words, 11, theme.muted))
        height += 24
    return Picture(width, height + 2, "".join(parts))
