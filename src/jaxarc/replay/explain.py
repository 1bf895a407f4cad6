"""explain: why an episode went as it went, and what many episodes have in common."""

from __future__ import annotations

from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay.board_findings import board_findings
from jaxarc.replay.episode_choice import names_of
from jaxarc.replay.episode_evidence import EpisodeEvidence
from jaxarc.replay.explanation import CAUSES, FACTS, Explanation
from jaxarc.replay.step_findings import step_findings

__all__ = ["explain_episode"]

_RANK = {kind: rank for rank, kind in enumerate([*CAUSES, *FACTS])}


def explain_episode(episode: EpisodeData, *, says_success: bool = False) -> Explanation:
    """Return what is seen in an episode: of ARC boards and submissions, and of the steps of any environment.

    Args:
        episode: the episode; of what was not stored it is said that nothing can be known.
        says_success: whether other episodes show that the program says which succeed.
    """
    evidence = EpisodeEvidence(episode, says_success=says_success)
    found = [*board_findings(evidence), *step_findings(evidence)]
    found.sort(key=lambda finding: (not finding.is_cause, _RANK[finding.kind]))
    outcome = {True: "solved", False: "not solved", None: str(episode.row.ended)}[evidence.success]
    return Explanation(
        episode=names_of(episode)[0],
        outcome=outcome,
        task_id=str(episode.row.task_id),
        findings=tuple(found),
        unknown=tuple(evidence.unknown()),
    )
