"""Which stored steps of a run a question selects: read in batches, and of each only what is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxarc.errors import DamagedFileError, NotRecordedError
from jaxarc.records.layout import Layout
from jaxarc.records.table import EpisodeTable
from jaxarc.replay.arguments import checked_limit
from jaxarc.replay.query import mask_of, sort_order
from jaxarc.replay.query_syntax import Node, names_of, parse_condition, parse_sort, parts_of
from jaxarc.replay.step_columns import StepCatalog, catalog_of
from jaxarc.replay.step_table import StepColumns, StepPlaces, StepTable
from jaxarc.storage import StepBlocks, StoredSteps, keep_segments_open

__all__ = ["find_steps"]

_STEPS_AT_ONCE = 1 << 16
"""Steps whose columns are in memory at once while a condition is computed."""


def find_steps(
    episodes: EpisodeTable,
    blocks: StepBlocks,
    *,
    origin: str,
    level: str,
    where: str | None,
    sort: str | Sequence[str] | None,
    limit: int | None,
) -> StepTable:
    """Return the stored steps that a question selects, by episode where no order is asked for.

    Args:
        episodes: rows of all episodes.
        blocks: where their steps lie.
        origin: what the table says that it is of.
        level: the level that the run was recorded at.
        where, sort, limit: as for ``ReplaySystem.steps``.

    Raises:
        QueryError: an expression cannot be understood.
        NotRecordedError: it asks for something that was not stored.
        DamagedFileError: a segment cannot be read.
    """
    limit = checked_limit(limit)
    layouts = _layouts(blocks)
    kinds = np.array([_KINDS.get(layouts[name].kind, 0) for _, name in blocks.places], np.int64)
    catalog = catalog_of([layout for layout in layouts.values() if layout.kind in _KINDS], episodes, level)
    node = None if where is None else parse_condition(where)
    _check(catalog, node, sort)

    def table_of(places: StepPlaces, *said: Any) -> StepTable:
        return StepTable(StepColumns(episodes, catalog, blocks.places, places), *said)

    chosen = np.arange(len(episodes))
    rest = []
    for part in () if node is None else parts_of(node):
        names = [name.text for name in names_of(part)]
        if names and all(map(catalog.is_of_episodes, names)):
            of_episodes = table_of(StepPlaces(chosen, chosen, chosen, chosen))
            chosen = chosen[mask_of(part, str(where), of_episodes)]
        else:
            rest.append(part)
    runs = _runs_of(episodes, chosen, blocks, kinds)
    found = [StepPlaces._make(np.zeros(0, np.int64) for _ in range(4))]
    held = 0
    with keep_segments_open():
        for places in _batches(runs, blocks.places, episodes):
            table = table_of(places)
            for part in rest:
                table = table.take(np.flatnonzero(mask_of(part, str(where), table)))
            found.append(table.places)
            held += len(table)
            if sort is None and limit is not None and held >= limit:
                break
    table = table_of(StepPlaces._make(map(np.concatenate, zip(*found, strict=True))), origin)
    if sort is not None:
        return table.take(sort_order(sort, table, limit))
    return table if limit is None else table.take(np.arange(min(limit, len(table))))


_KINDS = {"steps": 2, "journal": 1}
"""Kinds of layouts that hold steps; where an episode has both, the greater one counts."""


def _layouts(blocks: StepBlocks) -> dict[str, Layout]:
    """Return the layouts that the steps are stored in, each read once."""
    found: dict[str, Layout] = {}
    problem: DamagedFileError | None = None
    for path, name in blocks.places:
        if name not in found:
            try:
                found[name] = StoredSteps(path, name, 0, 0).layout
            except DamagedFileError as error:
                problem = error
    if problem is not None and any(name not in found for _, name in blocks.places):
        raise problem
    return found


def _check(catalog: StepCatalog, node: Node | None, sort: str | Sequence[str] | None) -> None:
    """Say of what was not stored that it was not, and why."""
    asked = [] if node is None else [name.text for name in names_of(node)]
    if sort is not None:
        asked += [name.text for name, _ in parse_sort(sort if isinstance(sort, str) else ",".join(sort))]
    for name in asked:
        if name not in catalog and (why := catalog.why_not(name)):
            raise NotRecordedError(why)


class _Runs(NamedTuple):
    """Runs of rows that hold the steps of some episodes, by episode; arrays of one length.

    Attributes:
        episode, place, row: as in StepPlaces, of the first step.
        num_steps: how many there are.
    """

    episode: np.ndarray
    place: np.ndarray
    row: np.ndarray
    num_steps: np.ndarray


def _runs_of(episodes: EpisodeTable, chosen: np.ndarray, blocks: StepBlocks, kinds: np.ndarray) -> _Runs:
    """Return where the steps of some episodes lie: their steps, or the journal where that is all there is."""
    writers, uids = (episodes.source.read_at(name, chosen) for name in ("writer", "uid"))
    owner = np.full(len(blocks.uid), -1, np.int64)
    for writer in np.unique(writers).tolist():
        mine = np.flatnonzero(writers == writer)
        mine = mine[np.argsort(uids[mine], kind="stable")]
        theirs = np.flatnonzero((blocks.writer == writer) & (kinds[blocks.place] > 0))
        place = np.searchsorted(uids[mine], blocks.uid[theirs])
        place = np.minimum(place, len(mine) - 1)
        is_known = uids[mine][place] == blocks.uid[theirs]
        owner[theirs[is_known]] = chosen[mine[place[is_known]]]
    known = np.flatnonzero(owner >= 0)
    kind = kinds[blocks.place[known]]
    best = np.zeros(len(episodes), np.int64)
    np.maximum.at(best, owner[known], kind)
    known = known[kind == best[owner[known]]]
    known = known[np.argsort(owner[known], kind="stable")]
    return _Runs(owner[known], blocks.place[known], blocks.row[known], blocks.count[known])


def _batches(runs: _Runs, files: Sequence[tuple[Path, str]], episodes: EpisodeTable) -> Iterator[StepPlaces]:
    """Yield the steps of whole episodes, in order, about as many at a time as may be in memory."""
    ends = np.cumsum(runs.num_steps)
    start = 0
    while start < len(ends):
        before = int(ends[start] - runs.num_steps[start])
        end = max(start + 1, int(np.searchsorted(ends, before + _STEPS_AT_ONCE, "right")))
        while end < len(ends) and runs.episode[end] == runs.episode[end - 1]:
            end += 1
        yield _steps_of(_Runs._make(column[start:end] for column in runs), files, episodes)
        start = end


def _steps_of(runs: _Runs, files: Sequence[tuple[Path, str]], episodes: EpisodeTable) -> StepPlaces:
    """Return the steps that runs of rows hold, by episode and step."""
    count = runs.num_steps
    first = np.cumsum(count) - count
    rows = np.arange(int(count.sum())) - np.repeat(first - runs.row, count)
    episode, place = np.repeat(runs.episode, count), np.repeat(runs.place, count)
    step = np.zeros(len(rows), np.int64)
    for number in np.unique(place).tolist():
        mine = np.flatnonzero(place == number)
        low, high = int(rows[mine].min()), int(rows[mine].max()) + 1
        path, layout = files[number]
        step[mine] = StoredSteps(path, layout, low, high - low).steps[rows[mine] - low]
    wanted, position = np.unique(episode, return_inverse=True)
    total = episodes.source.read_at("total_steps", wanted)[position]
    order = np.lexsort((step, episode))
    # A step that two runs hold counts once; what was recorded after an episode's end belongs to nobody.
    is_first = np.ones(len(order), bool)
    is_first[1:] = (np.diff(step[order]) != 0) | (np.diff(episode[order]) != 0)
    order = order[is_first & (step[order] < total[order])]
    return StepPlaces(episode[order], place[order], rows[order], step[order])
