"""Causes: what the unsolved episodes of a run have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxarc.errors import ReplayError
from jaxarc.records.table import EpisodeTable
from jaxarc.rendering.text import escape
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.arguments import as_text, whole_number
from jaxarc.replay.episode_choice import rows_of_task
from jaxarc.replay.explain import explain_episode
from jaxarc.replay.explanation import CAUSES
from jaxarc.replay.known_success import streams_that_say_success
from jaxarc.replay.row_slabs import has_ended
from jaxarc.storage import keep_segments_open

if TYPE_CHECKING:
    from jaxarc.replay.run_reader import RunReader

__all__ = ["Cause", "CauseTable", "explain_episodes"]

_EXAMPLES = 5


@dataclass(frozen=True)
class Cause:
    """One cause, over several episodes.

    Attributes:
        kind: its stable name, of ``explanation.CAUSES``.
        words: what it is.
        episodes: in how many episodes it was found.
        share: their share of those that were looked at.
        first: in how many it was the most telling one.
        examples: names of some of these episodes, those in which it comes first before the others.
    """

    kind: str
    words: str
    episodes: int
    share: float
    first: int
    examples: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class CauseTable:
    """Why episodes did not succeed: a row a cause; an episode may have several.

    Attributes:
        title: which episodes.
        causes: the most common first.
        num_episodes: how many were chosen.
        num_solved: those of them that succeeded.
        num_unended: those that are running, or that the end of the recording cut.
        num_explained: those of the others that were looked at.
        num_without: those of these in which no cause was found.
        notes: what was left out, and what cannot be said, in whole sentences.
    """

    title: str
    causes: tuple[Cause, ...]
    num_episodes: int
    num_solved: int
    num_unended: int
    num_explained: int
    num_without: int
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Cause]:
        return iter(self.causes)

    def __len__(self) -> int:
        return len(self.causes)

    def __getitem__(self, kind: str) -> Cause:
        for cause in self.causes:
            if cause.kind == kind:
                return cause
        found = ", ".join(cause.kind for cause in self.causes) or "nothing"
        raise KeyError(f"{kind!r} was not found; found was {found}")

    @property
    def heading(self) -> str:
        """How many there are, and what became of them."""
        parts = [f"{_counted(self.num_episodes)}", f"{self.num_solved:,} solved"]
        if self.num_unended:
            parts.append(f"{self.num_unended:,} cut or running")
        parts.append(f"{self.num_explained:,} explained")
        return f"{self.title}: {', '.join(parts)}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is said below the table."""
        if self.num_episodes and self.num_solved + self.num_unended == self.num_episodes:
            return (
                "Every episode that came to its end was solved: there is nothing to explain.",
                *self.notes,
            )
        if self.num_without:
            return (f"In {_counted(self.num_without)} nothing stands out.", *self.notes)
        return self.notes

    def __str__(self) -> str:
        rows = [("cause", "episodes", "share", "first", "examples")]
        for each in self.causes:
            numbers = f"{each.episodes:,}", f"{each.share:.0%}", f"{each.first:,}"
            rows.append((each.words, *numbers, ", ".join(each.examples)))
        widths = [max(len(row[at]) for row in rows) for at in range(4)]
        lines = [self.heading]
        for words, *numbers, examples in rows if self.causes else ():
            right = "  ".join(number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True))
            lines.append(f"  {words.ljust(widths[0])}  {right}  {examples}".rstrip())
        return "\n".join([*lines, *(f"  {sentence}" for sentence in self.sentences)])

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "title": self.title,
            "episodes": self.num_episodes,
            "solved": self.num_solved,
            "unended": self.num_unended,
            "explained": self.num_explained,
            "without_cause": self.num_without,
            "causes": [
                {
                    "kind": cause.kind,
                    "words": cause.words,
                    "episodes": cause.episodes,
                    "share": cause.share,
                    "first": cause.first,
                    "examples": list(cause.examples),
                }
                for cause in self.causes
            ],
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        from jaxarc.rendering.notebook_style import notebook_cell

        head = '<tr><th>cause</th><th class="number">episodes</th><th class="number">share</th>'
        head += '<th class="number">first</th><th>examples</th></tr>'
        rows = "".join(
            f'<tr><td>{escape(cause.words)}</td><td class="number">{cause.episodes:,}</td>'
            f'<td class="number">{cause.share:.0%}</td><td class="number">{cause.first:,}</td>'
            f"<td>{escape(', '.join(cause.examples))}</td></tr>"
            for cause in self.causes
        )
        table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>" if rows else ""
        notes = "".join(f'<p class="note">{escape(sentence)}</p>' for sentence in self.sentences)
        return notebook_cell(f"<h4>{escape(self.heading)}</h4>{table}{notes}")


def _counted(count: int) -> str:
    return "1 episode" if count == 1 else f"{count:,} episodes"


def explain_episodes(
    run: RunReader, task: str | None, where: str | None, sort: str | None, limit: int
) -> CauseTable:
    """Explain the unsolved episodes of a run; arguments and errors as those of ``ReplaySystem.explain``."""
    limit = whole_number("limit", limit, least=1, error=ReplayError)
    task = None if task is None else as_text("task", task)
    table = run.episodes(where, sort) if task is None else rows_of_task(run, task, where)
    title = run.name if task is None else f"task {task} of {run.name}"
    known = streams_that_say_success(run, table)
    solved = np.asarray(table["success"], bool)
    ended = has_ended({"ended": table["ended"]})
    failed = np.flatnonzero(ended & ~solved)
    chosen, notes = _chosen(table, failed, limit)
    if len(failed) and not np.isin(table["stream"][failed], np.array(sorted(known), "S")).all():
        notes.append("The program does not say of all of them whether they succeeded.")
    found: dict[str, list[str]] = {}
    first: dict[str, list[str]] = {}
    without = 0
    with keep_segments_open():
        for row in table.take(chosen):
            said = explain_episode(run.load_episode(row), says_success=str(row.stream).encode() in known)
            causes = [finding.kind for finding in said.causes]
            name = shown_address(int(row.writer), int(row.episode))
            without += not causes
            for kind in causes:
                found.setdefault(kind, []).append(name)
            if causes:
                first.setdefault(causes[0], []).append(name)
    rank = list(CAUSES)
    kinds = sorted(found, key=lambda kind: (-len(found[kind]), rank.index(kind)))
    return CauseTable(
        title=title,
        causes=tuple(
            Cause(
                kind=kind,
                words=CAUSES[kind],
                episodes=len(found[kind]),
                share=len(found[kind]) / len(chosen),
                first=len(first.get(kind, [])),
                examples=tuple(dict.fromkeys([*first.get(kind, []), *found[kind]]))[:_EXAMPLES],
            )
            for kind in kinds
        ),
        num_episodes=len(table),
        num_solved=int((solved & ended).sum()),
        num_unended=int((~ended).sum()),
        num_explained=len(chosen),
        num_without=without,
        notes=tuple(notes),
    )


def _chosen(table: EpisodeTable, failed: np.ndarray, limit: int) -> tuple[np.ndarray, list[str]]:
    """Return which of the unsolved episodes are looked at, and what is said of the others."""
    notes = []
    stored = failed[np.asarray(table["stored_steps"])[failed] > 0]
    if len(stored) < len(failed):
        without = _counted(len(failed) - len(stored))
        if len(stored):
            notes.append(f"Of {without} no steps are stored; they are left out.")
        else:
            stored = failed
            notes.append(f"Of {without} no steps are stored: only their rows can be explained.")
    if len(stored) > limit:
        notes.append(
            f"Of {_counted(len(stored))} {limit:,} were looked at, evenly spread; limit= takes more."
        )
        stored = stored[np.unique(np.linspace(0, len(stored) - 1, limit).astype(int))]
    return stored, notes
