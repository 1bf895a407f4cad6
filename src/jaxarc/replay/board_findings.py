"""What boards, targets and submissions say of an ARC episode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxarc.envs.operation_names import SUBMIT
from jaxarc.replay.episode_evidence import EpisodeEvidence
from jaxarc.replay.explanation import Finding

__all__ = ["board_findings"]

_SHOWN_CELLS = 20


def board_findings(evidence: EpisodeEvidence) -> Iterator[Finding]:
    """Yield what is seen of boards: submissions, what was undone, and what is still wrong."""
    yield from _submission(evidence)
    yield from _course(evidence)
    yield from _last_board(evidence)


def _submission(evidence: EpisodeEvidence) -> Iterator[Finding]:
    operations, steps = evidence.operations, evidence.action_step
    if not evidence.is_arc or operations is None or not len(steps):
        return
    submitted = steps[operations == SUBMIT]
    similarity = evidence.similarity
    right = np.zeros(0, np.int64) if similarity is None else evidence.step[similarity >= 1.0]
    first_right = int(right[0]) if len(right) else None
    ended_by_submission = bool(len(submitted)) and int(submitted[-1]) == evidence.total - 1
    if evidence.success:
        at = int(submitted[-1]) if ended_by_submission else evidence.total - 1
        if first_right is not None and first_right < at - 1 and evidence.is_whole:
            lost = at - first_right - 1
            yield Finding(
                "solved_at",
                f"The board was right after step {first_right}, and was submitted at step {at}: "
                f"{_steps(lost)} later than it could have been.",
                {"right_at": first_right, "submitted_at": at, "lost_steps": lost},
                (first_right, at),
                is_cause=True,
            )
        elif evidence.is_whole:
            did = "Solved and submitted" if ended_by_submission else "Solved"
            words = f"{did} at step {at}, of {_steps(evidence.total)}."
            yield Finding("solved_at", words, {"submitted_at": at, "lost_steps": 0}, (at,))
        return
    if ended_by_submission and evidence.success is False:
        numbers: dict[str, float] = {"submitted_at": int(submitted[-1])}
        words = f"Submitted a wrong answer at step {int(submitted[-1])}"
        if similarity is not None and int(evidence.step[-1]) == evidence.total - 1:
            numbers["similarity"] = float(similarity[-1])
            words += f", with a similarity of {similarity[-1]:.3g}"
        yield Finding("wrong_submission", f"{words}.", numbers, (int(submitted[-1]),), is_cause=True)
    elif evidence.knows_all_actions and evidence.has_ended and not len(submitted):
        if first_right is not None:
            yield Finding(
                "right_but_not_submitted",
                f"The board was right after step {first_right}, and was never submitted.",
                {"right_at": first_right, "steps_right": len(right)},
                _some(right),
                is_cause=True,
            )
        words = f"Never submitted in {_steps(evidence.total)}; it was {evidence.row.ended}."
        yield Finding("never_submitted", words, {"total_steps": evidence.total}, is_cause=True)


def _course(evidence: EpisodeEvidence) -> Iterator[Finding]:
    """Yield what the similarity says: undone after the best, truncated while improving."""
    similarity = evidence.similarity
    if similarity is None or not np.isfinite(similarity).any():
        best, last = (float(evidence.row.get(f"similarity_{part}", np.nan)) for part in ("max", "last"))
        if best > last and not evidence.success:
            words = f"The best similarity was {best:.3g}; it ended with {last:.3g}."
            numbers = {"best": best, "last": last, "lost": best - last}
            yield Finding("undone", words, numbers, is_cause=True)
        return
    known = np.flatnonzero(np.isfinite(similarity))
    values, steps = similarity[known], evidence.step[known]
    at = int(values.argmax())
    first, best, last = float(values[0]), float(values[at]), float(values[-1])
    numbers = {"first": first, "best": best, "best_step": int(steps[at]), "last": last}
    words = f"Similarity: {first:.3g} after the first step, {best:.3g} at best, {last:.3g} at the end."
    yield Finding("improvement", words, numbers, (int(steps[at]),))
    if evidence.success:
        return
    if last < best:
        # The last step that still had the best.
        held = int(np.flatnonzero(values == best)[-1])
        lost_at = int(steps[held + 1])
        did = _operation_at(evidence, lost_at)
        words = f"Undone after the best: {best:.3g} at step {int(steps[held])}, {last:.3g} at the end"
        yield Finding(
            "undone",
            f"{words}; step {lost_at}{did} lost it first.",
            {
                "best": best,
                "best_step": int(steps[held]),
                "last": last,
                "lost": best - last,
                "lost_at": lost_at,
            },
            (int(steps[held]), lost_at),
            is_cause=True,
        )
    elif str(evidence.row.ended) == "truncated" and len(values) >= 4:
        before = -1 - max(1, len(values) // 4)
        gain, span = last - float(values[before]), int(steps[-1] - steps[before])
        if gain > 0:
            words = f"Truncated while it improved: similarity rose by {gain:.3g} in the last {_steps(span)}."
            numbers = {"gain": gain, "over_steps": span, "last": last}
            steps_shown = (int(steps[-1]),)
            yield Finding("truncated_while_improving", words, numbers, steps_shown, is_cause=True)


def _operation_at(evidence: EpisodeEvidence, step: int) -> str:
    at = np.flatnonzero(evidence.action_step == step)
    if evidence.operations is None or not len(at):
        return ""
    return f" ({evidence.operation_name(int(evidence.operations[at[0]]))})"


def _last_board(evidence: EpisodeEvidence) -> Iterator[Finding]:
    """Yield how the last board differs from its target."""
    if evidence.success or evidence.boards is None:
        return
    board, target = evidence.boards
    when = "at the end" if evidence.last_board_is_true else "in the last board that is stored"
    steps = (int(evidence.step[-1]),)
    sizes = _size(board), _size(target)
    if sizes[0] != sizes[1]:
        is_, should = (f"{height} by {width}" for height, width in sizes)
        numbers = {"size": list(sizes[0]), "target_size": list(sizes[1])}
        words = f"Wrong size {when}: {is_}, the target is {should}."
        yield Finding("wrong_size", words, numbers, steps, is_cause=True)
    has, wants = (set(np.unique(cells[cells >= 0]).tolist()) for cells in (board, target))
    for kind, colours, words in (
        ("colours_missing", sorted(wants - has), "of the target {verb} missing"),
        ("colours_extra", sorted(has - wants), "{verb} there that the target has not"),
    ):
        if colours:
            named = ("Colour " if len(colours) == 1 else "Colours ") + ", ".join(map(str, colours))
            said = words.format(verb="is" if len(colours) == 1 else "are")
            yield Finding(kind, f"{named} {said}, {when}.", {"colours": colours}, steps, is_cause=True)
    wrong = np.argwhere(board != target)
    if len(wrong):
        total = int((target >= 0).sum())
        (top, left), (bottom, right) = wrong.min(axis=0).tolist(), wrong.max(axis=0).tolist()
        rows = f"row {top}" if top == bottom else f"rows {top} to {bottom}"
        columns = f"column {left}" if left == right else f"columns {left} to {right}"
        verb = "is" if len(wrong) == 1 else "are"
        yield Finding(
            "cells_wrong",
            f"{len(wrong):,} of {total:,} cells {verb} wrong {when}, in {rows} and {columns}.",
            {
                "cells": len(wrong),
                "of": total,
                "rows": [top, bottom],
                "columns": [left, right],
                "where": wrong[:_SHOWN_CELLS].tolist(),
            },
            steps,
            is_cause=True,
        )


def _size(board: np.ndarray) -> tuple[int, int]:
    """Return height and width of the part of a board that is not padding."""
    inside = np.argwhere(board >= 0)
    if not len(inside):
        return 0, 0
    height, width = (inside.max(axis=0) + 1).tolist()
    return height, width


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count:,} steps"


def _some(steps: np.ndarray) -> tuple[int, ...]:
    return tuple(steps[:20].tolist())
