"""EpisodeDifference: where two episodes part, and how, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxarc.envs.operation_names import OPERATION_NAMES
from jaxarc.errors import NotRecordedError, RenderError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.rendering.text import TIMES, clean, escape
from jaxarc.replay.parting import LeafDifference, Parting, leaf_differences, parting_of
from jaxarc.replay.picture import Picture

__all__ = ["EpisodeDifference", "difference_between"]

_SHOWN_LEAVES = 6
_COMPARED_ROWS = ("total_steps", "ended", "success", "total_reward", "similarity_last")
_UNENDED = {"cut": "was cut, because the recording ended", "running": "is still running"}

_SENTENCES = {
    "same": "They are the same in everything that both stored.",
    "start": "They start differently.",
    "action": "They part at step {step}: another action{on}.",
    "outcome": "They part at step {step}: the same action{on} led elsewhere. The environment is not "
    "deterministic, or its state holds more than was recorded.",
    "observation": "They part after step {step}: what they see at step {next} is not the same. Actions were "
    "not recorded there, so it cannot be known whether they or the environment made the difference.",
    "reward": "They part at step {step}: the same action{on}, and another reward.",
    "end": "They part at step {step}: {ends} ends there, {goes_on} does not.",
    "length": "They are the same as long as both go on; then {ends} {why}.",
    "unseen": "They part between steps {step} and {next}; the steps between are not stored of both.",
    "before": "They differ at step {step}, the first that both stored: where they part cannot be known.",
    "rows": "No step is stored of both, so where they part cannot be known; but they are not the same.",
    "unknown": "No step is stored of both, and their rows are alike: that they are the same cannot be known.",
}


@dataclass(frozen=True, eq=False, repr=False)
class EpisodeDifference:
    """Where two episodes part, and how; false when they are the same in everything that could be compared.

    Attributes:
        a, b: what the episodes are called.
        kind: how they part: ``start`` (what they start from), ``action`` (another action on the same
            observation), ``outcome`` (the same action led elsewhere), ``observation`` (they are elsewhere,
            and actions were not recorded), ``reward``, ``end`` (one ends, the other goes on), ``length`` (the
            recording of one ended), ``unseen`` (between stored steps), ``before`` (already at the first
            stored step), ``rows`` (no step of both is stored, but their rows differ), ``same`` or
            ``unknown``.
        step: the step in which they part; None where there is none, or it cannot be known.
        leaves: the arrays that differ there.
        compared: how many steps were compared.
        total_steps: how many steps each has.
        tasks: the task of each, empty where unknown.
        same_start: whether they start alike; None where that was not stored.
        rows: what their rows say differently: labels where they start differently (``pair``), and lengths,
            ends and returns where nothing else does.
        unknown: what cannot be said, in whole sentences.
        words: how they part, in a sentence.
    """

    a: str
    b: str
    kind: str
    step: int | None
    leaves: tuple[LeafDifference, ...]
    compared: int
    total_steps: tuple[int, int]
    tasks: tuple[str, str]
    same_start: bool | None
    rows: dict[str, tuple[Any, Any]]
    unknown: tuple[str, ...]
    words: str
    _episodes: tuple[EpisodeData, EpisodeData] = field(repr=False)

    def __bool__(self) -> bool:
        return self.kind != "same"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is known, and what cannot be, one sentence after the other."""
        found = [self.words]
        if self.tasks[0] != self.tasks[1]:
            one, other = (f"task {task}" if task else "no known task" for task in self.tasks)
            found.append(f"They are of other tasks: {self.a} of {one}, {self.b} of {other}.")
        if self.same_start and self.kind not in ("same", "length"):
            found.append("They start alike.")
        if self.compared:
            one, other = self.total_steps
            of = f"{one:,}" if one == other else f"{one:,} and {other:,}"
            found.append(f"{_counted(self.compared, 'step')} of {of} could be compared.")
        return (*found, *self.unknown)

    def __str__(self) -> str:
        lines = [f"{self.a} and {self.b}", *self.sentences]
        lines += [f"  {_leaf_words(leaf)}" for leaf in self.leaves[:_SHOWN_LEAVES]]
        if len(self.leaves) > _SHOWN_LEAVES:
            lines.append(f"  and {len(self.leaves) - _SHOWN_LEAVES} more arrays")
        lines += [f"  {name}: {_value(one)} and {_value(other)}" for name, (one, other) in self.rows.items()]
        return "\n".join(lines)

    __repr__ = __str__

    def picture(self) -> Picture:
        """Draw both episodes step by step, around where they part.

        Raises:
            NotRecordedError: no steps, or no observations, of an episode are stored.
        """
        from jaxarc.rendering import render_alignment
        from jaxarc.replay.views.alignments import alignment_of

        svg = render_alignment(alignment_of(*self._episodes, (self.a, self.b)))
        return Picture(svg, f"{self.a} and {self.b}, step by step. {self.words}")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON: arrays as nested lists, other values as recorded."""
        return {
            "a": self.a,
            "b": self.b,
            "kind": self.kind,
            "step": self.step,
            "leaves": [
                {
                    "name": leaf.name,
                    "index": list(leaf.index),
                    "num_cells": leaf.num_cells,
                    "a": _plain(leaf, leaf.a),
                    "b": _plain(leaf, leaf.b),
                }
                for leaf in self.leaves
            ],
            "compared": self.compared,
            "total_steps": list(self.total_steps),
            "tasks": list(self.tasks),
            "same_start": self.same_start,
            "rows": {name: list(values) for name, values in self.rows.items()},
            "unknown": list(self.unknown),
            "words": list(self.sentences),
        }

    def _repr_html_(self) -> str:
        from jaxarc.rendering.notebook_style import notebook_cell

        first, *others = map(escape, self.sentences)
        shown = [_leaf_words(leaf) for leaf in self.leaves[:_SHOWN_LEAVES]]
        shown += [f"{name}: {_value(one)} and {_value(other)}" for name, (one, other) in self.rows.items()]
        items = "".join(f"<li><code>{escape(words)}</code></li>" for words in shown)
        try:
            picture = f"<figure>{self.picture()._repr_html_()}</figure>"
        except (NotRecordedError, RenderError):
            picture = ""
        title = f"<h4>{escape(self.a)} and {escape(self.b)}</h4>"
        body = f'{title}<p><b>{first}</b></p><p class="muted">{" ".join(others)}</p>'
        return notebook_cell(f"{body}{f'<ul>{items}</ul>' if items else ''}{picture}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _plain(leaf: LeafDifference, values: np.ndarray | None) -> Any:
    """Return the first value that differs; of arrays of two shapes there is none."""
    if values is None or (values.ndim and not leaf.index):
        return None
    return values[leaf.index].item()


def _value(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    return clean(value)


def _leaf_words(leaf: LeafDifference) -> str:
    """Say how an array differs."""
    if leaf.a is None or leaf.b is None:
        return f"{leaf.name}: only the {'first' if leaf.b is None else 'second'} episode has it"
    if leaf.a.shape != leaf.b.shape:
        shapes = (f" {TIMES} ".join(map(str, values.shape)) or "a number" for values in (leaf.a, leaf.b))
        return f"{leaf.name}: {' and '.join(shapes)}"
    one, other = leaf.a[leaf.index], leaf.b[leaf.index]
    if leaf.name.startswith("state_hash"):
        return f"{leaf.name}: the hashes {int(one):#010x} and {int(other):#010x} of the states"
    if leaf.name == "action.operation":
        names = [OPERATION_NAMES[int(v)] if 0 <= int(v) < len(OPERATION_NAMES) else v for v in (one, other)]
        return f"{leaf.name}: {names[0]} and {names[1]}"
    if not leaf.a.ndim:
        return f"{leaf.name}: {_value(one)} and {_value(other)}"
    index = ", ".join(map(str, leaf.index))
    differ = "differs" if leaf.num_cells == 1 else "differ"
    return (
        f"{leaf.name}: {leaf.num_cells:,} of {leaf.a.size:,} entries {differ}, the first at [{index}]: "
        f"{_value(one)} and {_value(other)}"
    )


def difference_between(
    a: EpisodeData, b: EpisodeData, names: tuple[str, str] | None = None
) -> EpisodeDifference:
    """Return where two episodes part, and how.

    Args:
        a, b: the episodes; they may be of two runs, and of two tasks.
        names: what they are called; their numbers when left off.
    """
    one, other = names or (f"episode {a.row.episode}", f"episode {b.row.episode}")
    found = parting_of(a, b)
    kind, step = found.kind, found.made_at
    rows = {}
    if kind == "start":
        rows = _rows_that_differ(a, b, _labels(a, b))
    elif kind in ("unknown", "same"):
        rows = _rows_that_differ(a, b, _COMPARED_ROWS)
        if kind == "unknown" and rows:
            kind = "rows"
    lengths = len(a), len(b)
    ends = one if lengths[0] < lengths[1] else other
    if kind == "same" and lengths[0] != lengths[1]:
        kind, rows = "length", {}
    shorter = a if lengths[0] < lengths[1] else b
    if kind == "end":
        assert step is not None
        ends = one if _says_end(a, step) else other
    words = _SENTENCES[kind].format(
        step=step,
        next=found.step,
        on=_on(a, b),
        ends=ends,
        goes_on=other if ends == one else one,
        why=_UNENDED.get(str(shorter.row.ended), "has no more steps that are stored"),
    )
    leaves = [] if found.step is None else leaf_differences(a, b, found.step, found.part)
    if kind == "action" and step is not None:
        # What is constant, or hidden, may differ as well; the action is what made them part.
        leaves = leaf_differences(a, b, step, "action")
    return EpisodeDifference(
        a=one,
        b=other,
        kind=kind,
        step=step,
        leaves=tuple(leaves),
        compared=found.compared,
        total_steps=lengths,
        tasks=(str(a.row.task_id), str(b.row.task_id)),
        same_start=_same_start(a, b, kind),
        rows=rows,
        unknown=tuple(_unknown(a, b, (one, other), found)),
        words=words,
        _episodes=(a, b),
    )


def _on(a: EpisodeData, b: EpisodeData) -> str:
    """Say what was the same when the action was taken, as far as that was recorded."""
    for part, words in (("observation", " on the same observation"), ("state_hash", " in the same state")):
        if a.has(part) and b.has(part):
            return words
    return ""


def _says_end(episode: EpisodeData, step: int) -> bool:
    return len(episode) == step + 1 and str(episode.row.ended) not in _UNENDED


def _labels(a: EpisodeData, b: EpisodeData) -> list[str]:
    """Return the labels of both episodes, such as which pair of a task they play; tasks are told by name."""
    names = [{str(field.path[0]) for field in episode.fields("labels")} for episode in (a, b)]
    return sorted((names[0] & names[1]) - {"task"})


def _rows_that_differ(a: EpisodeData, b: EpisodeData, names: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    found = {}
    for name in names:
        one, other = a.row.get(name), b.row.get(name)
        if one != other and not (one != one and other != other):
            found[name] = one, other
    return found


def _same_start(a: EpisodeData, b: EpisodeData, kind: str) -> bool | None:
    if kind == "start":
        return False
    for part in ("observation", "state_hash"):
        if all(_holds_start(episode, part) for episode in (a, b)):
            return True  # otherwise they would have parted there
    return None


def _holds_start(episode: EpisodeData, part: str) -> bool:
    if not episode.has(part):
        return False
    steps = episode.step if part == "observation" else episode.journal.step
    return len(steps) > 0 and int(steps[0]) == 0


def _unknown(a: EpisodeData, b: EpisodeData, names: tuple[str, str], found: Parting) -> list[str]:
    """Say what was not stored, and so cannot be compared."""
    sentences = []
    for name, episode in zip(names, (a, b), strict=True):
        stored, total = max(len(episode.step), len(episode.journal.step)), len(episode)
        if not stored:
            sentences.append(f"No step of {name} is stored.")
            continue
        if stored < total:
            sentences.append(f"Of {name} {_counted(stored, 'step')} of {total:,} are stored.")
        missing = [part for part in ("observation", "action") if not episode.has(part)]
        if missing:
            what = " and ".join(f"{part}s" for part in missing)
            by_hash = a.has("state_hash") and b.has("state_hash") and "observation" in missing
            by = "; states were compared by their hashes" if by_hash else ""
            sentences.append(f"{what.capitalize()} of {name} were not recorded{by}.")
    return sentences
