"""Recorded episodes side by side: what a comparison of them needs to know."""

from __future__ import annotations

from collections.abc import Callable

from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.records.table import EpisodeRow
from jaxarc.replay.views.episode_summaries import episode_summary, summary_of_row

__all__ = ["compared_summary"]


def compared_summary(
    row: EpisodeRow, comparison_type: str, load: Callable[[], EpisodeData]
) -> EpisodeSummaryData:
    """Return what a comparison needs of one episode; its steps are read where the comparison shows them.

    Args:
        row: the episode's row. One without stored steps gives what the row says.
        comparison_type: as for ``render_comparison``.
        load: returns the episode itself.
    """
    if comparison_type == "outcome_by_task" or not row.stored_steps:
        return summary_of_row(row)
    return episode_summary(load(), max_moments=0, with_operations=comparison_type == "operations_used")
