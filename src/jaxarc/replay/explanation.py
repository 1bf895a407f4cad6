"""Explanation: what is seen in an episode, in words and numbers, with the steps that show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxarc.rendering.text import escape

__all__ = ["CAUSES", "FACTS", "Explanation", "Finding"]

CAUSES: Mapping[str, str] = {
    "not_finite": "NaN or infinite numbers",
    "right_but_not_submitted": "the board was right, and was not submitted",
    "never_submitted": "never submitted",
    "wrong_submission": "submitted a wrong answer",
    "undone": "undone after the best",
    "return_lost": "lost return after the best",
    "truncated_while_improving": "truncated while it improved",
    "wrong_size": "the board has the wrong size",
    "colours_missing": "colours of the target are missing",
    "colours_extra": "colours that the target has not",
    "cells_wrong": "cells are wrong",
    "no_effect": "half of the steps or more without effect",
    "loops": "went back to earlier states",
    "one_action_dominates": "one action most of the time",
    "constant_action": "the same action all the time",
    "reward_never_changed": "the reward never changed",
    "reward_drop": "a step with an outstandingly low reward",
}
"""What can tell why an episode did not succeed, the most telling first."""

FACTS: Mapping[str, str] = {
    "ended": "how it ended",
    "improvement": "how similarity went",
    "solved_at": "when the board was right",
    "operations_used": "which actions were used",
}
"""What is said besides."""


@dataclass(frozen=True)
class Finding:
    """One thing that is seen in an episode.

    Attributes:
        kind: its stable name: one of ``CAUSES`` or ``FACTS``.
        words: a sentence.
        numbers: what the sentence says, as values.
        steps: steps that show it, ascending; at most twenty.
        is_cause: whether it can tell why an episode did not succeed, or where time was lost.
    """

    kind: str
    words: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[int, ...] = ()
    is_cause: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "kind": self.kind,
            "words": self.words,
            "numbers": dict(self.numbers),
            "steps": list(self.steps),
            "is_cause": self.is_cause,
        }


@dataclass(frozen=True, repr=False)
class Explanation:
    """What is seen in one episode; printed, it says so in sentences.

    Attributes:
        episode: what the episode is called.
        outcome: ``solved``, ``not solved``, or how it ended where nobody says whether it was solved.
        task_id: its task, empty where unknown.
        findings: causes first, the most telling first of all; then facts.
        unknown: what cannot be said because it was not stored, in whole sentences.
    """

    episode: str
    outcome: str
    task_id: str
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...] = ()

    @property
    def causes(self) -> tuple[Finding, ...]:
        """What can tell why it did not succeed, or where time was lost."""
        return tuple(finding for finding in self.findings if finding.is_cause)

    @property
    def facts(self) -> tuple[Finding, ...]:
        """What is said besides."""
        return tuple(finding for finding in self.findings if not finding.is_cause)

    def __getitem__(self, kind: str) -> Finding:
        for finding in self.findings:
            if finding.kind == kind:
                return finding
        found = ", ".join(finding.kind for finding in self.findings) or "nothing"
        raise KeyError(f"{kind!r} was not found in {self.episode}; found was {found}")

    def __contains__(self, kind: str) -> bool:
        return any(finding.kind == kind for finding in self.findings)

    @property
    def heading(self) -> str:
        """What the episode is called, its task and what became of it."""
        task = f" of task {self.task_id}" if self.task_id else ""
        return f"{self.episode}{task}: {self.outcome}"

    def __str__(self) -> str:
        lines = [self.heading]
        for finding in self.findings:
            mark = "•" if finding.is_cause else " "
            lines.append(f"{mark} {finding.words} {_shown_steps(finding)}".rstrip())
        if not self.findings:
            lines.append("  nothing stands out")
        lines += [f"? {sentence}" for sentence in self.unknown]
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "episode": self.episode,
            "outcome": self.outcome,
            "task_id": self.task_id,
            "findings": [finding.to_dict() for finding in self.findings],
            "unknown": list(self.unknown),
        }

    def _repr_html_(self) -> str:
        from jaxarc.rendering.notebook_style import notebook_cell

        look = {"solved": "good", "not solved": "bad"}.get(self.outcome, "muted")
        task = f' <span class="muted">task {escape(self.task_id)}</span>' if self.task_id else ""
        parts = [f"<h4>{escape(self.episode)}{task} "]
        parts.append(f'<span class="badge {look}">{escape(self.outcome)}</span></h4>')
        if self.causes:
            items = "".join(f"<li>{_html_words(finding)}</li>" for finding in self.causes)
            parts.append(f"<ul>{items}</ul>")
        parts += [f'<p class="muted">{_html_words(finding)}</p>' for finding in self.facts]
        parts += [f'<p class="note">{escape(sentence)}</p>' for sentence in self.unknown]
        return notebook_cell("".join(parts))


def _shown_steps(finding: Finding, most: int = 5) -> str:
    """Return the steps of a finding for people, where its sentence does not name them."""
    if len(finding.steps) < 2 or f"step {finding.steps[0]}" in finding.words:
        return ""
    shown = ", ".join(map(str, finding.steps[:most]))
    return f"(steps {shown}{', …' if len(finding.steps) > most else ''})"


def _html_words(finding: Finding) -> str:
    return f'{escape(finding.words)} <span class="muted">{escape(_shown_steps(finding))}</span>'
