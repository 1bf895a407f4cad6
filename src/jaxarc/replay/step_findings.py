"""What the steps of any episode say: no effect, loops, actions, rewards, numbers that are not finite."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jaxarc.envs.operation_names import OPERATION_NAMES, SUBMIT
from jaxarc.replay.episode_evidence import EpisodeEvidence
from jaxarc.replay.explanation import Finding

__all__ = ["step_findings"]

_FEW = 4
"""Of episodes with fewer steps nothing is said of habits."""

_DOMINATES = 0.5
_MOST_STEPS = 20
_STANDS_OUT = 6.0
"""Times the usual spread of the rewards: what is lower than their median by more stands out."""

_RARELY = 0.1
"""Of the steps: what is more common does not stand out."""


def step_findings(evidence: EpisodeEvidence) -> Iterator[Finding]:
    """Yield what is seen of the steps, whatever the observations are."""
    yield from _not_finite(evidence)
    yield from _effects(evidence)
    yield from _actions(evidence)
    yield from _rewards(evidence)
    yield _ended(evidence)


def _ended(evidence: EpisodeEvidence) -> Finding:
    row = evidence.row
    words = {
        "terminated": "It ended by itself (terminated)",
        "truncated": "It reached its limit of steps (truncated)",
        "cut": "The recording ended while it went on (cut)",
        "running": "It is still running",
    }.get(str(row.ended), f"It ended as {row.ended}")
    steps = "1 step" if evidence.total == 1 else f"{evidence.total:,} steps"
    return Finding(
        "ended",
        f"{words} after {steps}, with a return of {float(row.total_reward):.6g}.",
        {"ended": str(row.ended), "total_steps": evidence.total, "total_reward": float(row.total_reward)},
    )


def _not_finite(evidence: EpisodeEvidence) -> Iterator[Finding]:
    found = dict(evidence.not_finite_observations)
    series = dict(evidence.metrics)
    if evidence.reward is not None:
        series["reward"] = evidence.reward
    for name, values in series.items():
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            found[name] = int(evidence.step[wrong[0]])
    if not found and not np.isfinite(float(evidence.row.total_reward)) and not len(evidence.step):
        words = f"The return is {float(evidence.row.total_reward)}."
        yield Finding("not_finite", words, {"first_steps": {}}, is_cause=True)
    if found:
        named = ", ".join(f"{name} (from step {step})" for name, step in found.items())
        steps = tuple(sorted(set(found.values())))[:_MOST_STEPS]
        words = f"NaN or infinite numbers in {named}."
        yield Finding("not_finite", words, {"first_steps": found}, steps, is_cause=True)


def _effects(evidence: EpisodeEvidence) -> Iterator[Finding]:
    if evidence.states is None:
        return
    before, after, known = evidence.states
    judged = known.copy()
    if evidence.is_arc and evidence.operations is not None:
        submits = evidence.action_step[evidence.operations == SUBMIT]
        judged &= ~np.isin(evidence.step, submits)  # a submission is not meant to change the board
    idle = evidence.step[judged & (before == after)]
    count = int(judged.sum())
    if len(idle):
        share = len(idle) / count
        steps = "the 1 step" if count == 1 else f"{count:,} steps"
        yield Finding(
            "no_effect",
            f"{len(idle):,} of {steps} had no effect ({share:.0%}): the observation stayed as it was.",
            {"steps": len(idle), "of": count, "share": share},
            tuple(idle[:_MOST_STEPS].tolist()),
            is_cause=share >= 0.5 and count >= _FEW,
        )
    yield from _loops(evidence, before, after, known)


def _loops(
    evidence: EpisodeEvidence, before: np.ndarray, after: np.ndarray, known: np.ndarray
) -> Iterator[Finding]:
    """Yield how often an earlier state came back, and after how many steps."""
    seen: dict[int, int] = {}
    returns: list[int] = []
    periods: list[int] = []
    for step, start, end, is_known in zip(
        evidence.step.tolist(), before.tolist(), after.tolist(), known.tolist(), strict=True
    ):
        seen[start] = step
        if is_known and end != start and end in seen:
            returns.append(step)
            periods.append(step + 1 - seen[end])
    if not returns:
        return
    values, counts = np.unique(periods, return_counts=True)
    period = int(values[counts.argmax()])
    times = "once" if len(returns) == 1 else f"{len(returns):,} times"
    mostly = "" if len(values) == 1 else "mostly "
    yield Finding(
        "loops",
        f"It went back to an earlier state {times}, {mostly}one of {period} steps before.",
        {"returns": len(returns), "period": period, "share": len(returns) / len(evidence.step)},
        tuple(returns[:_MOST_STEPS]),
        is_cause=len(returns) >= 2,
    )


def _actions(evidence: EpisodeEvidence) -> Iterator[Finding]:
    operations, count = evidence.operations, len(evidence.action_step)
    if evidence.same_action is not None and count >= _FEW and evidence.same_action.all():
        name = "" if operations is None else f" ({evidence.operation_name(int(operations[0]))})"
        words = f"The same action{name} in all {count:,} steps."
        yield Finding("constant_action", words, {"steps": count}, is_cause=True)
    if operations is None or not count:
        return
    numbers, counts = np.unique(operations, return_counts=True)
    used = {
        evidence.operation_name(int(number)): int(times)
        for number, times in zip(numbers.tolist(), counts.tolist(), strict=True)
    }
    most = max(used, key=lambda name: used[name])
    share = used[most] / count
    never = [] if not evidence.is_arc else [name for name in OPERATION_NAMES if name not in used]
    kinds = "action" if not evidence.is_arc else "operation"
    of = f" of {len(OPERATION_NAMES)}" if evidence.is_arc else ""
    words = f"{len(used)}{of} {kinds}s {'was' if len(used) == 1 else 'were'} used"
    if len(used) == 1 and not of:
        words = f"1 {kinds} was used"
    common = sorted(used, key=lambda name: (-used[name], name))[:3]
    listed = ", ".join(f"{name} ({used[name]})" for name in common)
    yield Finding(
        "operations_used",
        f"{words}: {listed}{', …' if len(used) > 3 else ''}.",
        {"used": used, "never": never},
    )
    if len(used) > 1 and count >= 2 * _FEW and share > _DOMINATES:
        steps = evidence.action_step[operations == numbers[counts.argmax()]]
        yield Finding(
            "one_action_dominates",
            f"{most} was {share:.0%} of the {count:,} actions.",
            {"name": most, "share": share, "steps": used[most]},
            tuple(steps[:_MOST_STEPS].tolist()),
            is_cause=True,
        )


def _rewards(evidence: EpisodeEvidence) -> Iterator[Finding]:
    reward = evidence.reward
    if reward is None or len(reward) < _FEW or not np.isfinite(reward).all():
        return
    if (reward == reward[0]).all():
        if evidence.is_whole:
            words = f"The reward was {reward[0]:.6g} in every step."
            numbers = {"reward": float(reward[0])}
            # A constant reward is how many tasks count steps; it explains nothing where episodes succeed.
            yield Finding("reward_never_changed", words, numbers, is_cause=evidence.success is False)
        return
    median = float(np.median(reward))
    spread = float(np.median(np.abs(reward - median)))
    lowest = int(reward.argmin())
    stands_out = reward < min(median - _STANDS_OUT * spread, 0.0)
    # Boards have a course of their own, and submissions their bonus.
    if evidence.similarity is None and 0 < stands_out.mean() <= _RARELY:
        step = int(evidence.step[lowest])
        words = f"The reward dropped to {reward[lowest]:.6g} at step {step}; usual is {median:.6g}."
        numbers = {"reward": float(reward[lowest]), "step": step, "median": median}
        yield Finding("reward_drop", words, numbers, (step,), is_cause=True)
    if evidence.similarity is None and evidence.is_whole and not evidence.success:
        total = np.cumsum(reward)
        best = int(total.argmax())
        lost = float(total[best] - total[-1])
        if lost > 0.1 * float(np.ptp(np.append(total, 0.0))) and total[best] > 0:
            step = int(evidence.step[best])
            words = f"The return was {total[best]:.6g} after step {step}, and {total[-1]:.6g} at the end."
            numbers = {"best": float(total[best]), "best_step": step, "last": float(total[-1])}
            yield Finding("return_lost", words, numbers, (step,), is_cause=True)
