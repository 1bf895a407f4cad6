"""From measured rows to what the plots show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from jaxarc.config import STATISTICS, ThresholdConfig
from jaxarc.diagnostics.history import MeasuredRow
from jaxarc.diagnostics.leaves import GROUPS
from jaxarc.records.diagnostic_pictures import DiagnosticPanel, DiagnosticPicture
from jaxarc.records.name_patterns import fits

__all__ = ["pictures"]

_LEAVES_AT_MOST = 12
_FUNCTIONS_AT_MOST = 12


def pictures(
    rows: Sequence[MeasuredRow], limits: Mapping[str, ThresholdConfig], words: str = ""
) -> Iterator[tuple[str, DiagnosticPicture]]:
    """Yield a name and a picture: totals with the functions, and the leaves.

    Args:
        rows: what was measured.
        limits: thresholds by metric or pattern.
        words: a line beneath the titles.
    """
    if not rows:
        return
    board = _Board(rows, limits)
    wrong = next((float(row.step) for row in rows if not row.is_finite), None)
    totals = [*board.totals(), *board.functions()]
    shown = totals[: len(GROUPS) * 3 + _FUNCTIONS_AT_MOST]
    yield "totals", DiagnosticPicture("Diagnostics: totals", shown, words, wrong, len(totals) - len(shown))
    leaves = board.leaves()
    if leaves:
        shown = leaves[:_LEAVES_AT_MOST]
        yield (
            "leaves",
            DiagnosticPicture("Diagnostics: leaves", shown, words, wrong, len(leaves) - len(shown)),
        )


class _Board:
    """The columns of rows, by metric."""

    def __init__(self, rows: Sequence[MeasuredRow], limits: Mapping[str, ThresholdConfig]):
        self._rows = rows
        self._limits = limits
        self._steps = np.array([row.step for row in rows], float)
        self._names = list(dict.fromkeys(name for row in rows for name in row.values))
        statistics = {name: name.rpartition("/") for name in self._names}
        self._leaves = list(
            dict.fromkeys(
                before
                for before, _, last in statistics.values()
                if before and last in STATISTICS[:4] and f"{before}/{last}" in statistics
            )
        )

    def _column(self, name: str) -> np.ndarray:
        return np.array([row.values.get(name, np.nan) for row in self._rows], float)

    def _panel(
        self,
        title: str,
        lines: Mapping[str, str],
        between: tuple[np.ndarray, np.ndarray] | None = None,
        *,
        is_log: bool = False,
        over: Sequence[str] = (),
    ) -> DiagnosticPanel:
        """Return a panel of the metrics that there are, with the limits of them."""
        metrics = {name: metric for name, metric in lines.items() if metric in self._names}
        judged = {*metrics.values(), *over}
        found = {
            limit
            for pattern, limits in self._limits.items()
            for limit in (limits.min, limits.max)
            if limit is not None and any(fits(metric, pattern) for metric in judged)
        }
        breached = [float(row.step) for row in self._rows if judged & set(row.breached)]
        columns = {name: self._column(metric) for name, metric in metrics.items()}
        return DiagnosticPanel(title, self._steps, columns, between, sorted(found), breached, is_log)

    def totals(self) -> Iterator[DiagnosticPanel]:
        """Yield norms, ratios and counts of the groups."""
        groups = [group for group in GROUPS if f"{group}/norm" in self._names]
        for group in groups:
            yield self._panel(f"norm of {group}", {group: f"{group}/norm"}, is_log=True)
        ratios = {group: f"{group}/ratio" for group in groups if f"{group}/ratio" in self._names}
        if ratios:
            yield self._panel("ratio to the norm of params", ratios, is_log=True)
        counts = {
            f"{group} {kind}": f"{group}/{kind}"
            for group in groups
            for kind in ("nan", "inf")
            if self._column(f"{group}/{kind}").any()
        }
        if counts:
            yield self._panel("numbers that are not finite", counts)

    def functions(self) -> Iterator[DiagnosticPanel]:
        """Yield what is neither of a leaf nor a total."""
        for name in self._names:
            before, _, last = name.rpartition("/")
            known = (*STATISTICS, "ratio")
            if not (last in known and (before in self._leaves or before in GROUPS)):
                yield self._panel(name, {name: name})

    def leaves(self) -> list[DiagnosticPanel]:
        """Return a panel for each leaf: its mean, its range; those with something wrong first."""
        ranked = []
        for position, leaf in enumerate(self._leaves):
            mean = self._column(f"{leaf}/mean")
            std = self._column(f"{leaf}/std")
            over = [name for name in self._names if name.rpartition("/")[0] == leaf]
            between = (mean - std, mean + std) if np.isfinite(std).any() and np.isfinite(mean).any() else None
            low, high = self._column(f"{leaf}/min"), self._column(f"{leaf}/max")
            shown = ("mean",) if np.array_equal(low, high, equal_nan=True) else ("mean", "min", "max")
            panel = self._panel(leaf, {each: f"{leaf}/{each}" for each in shown}, between, over=over)
            counts = self._column(f"{leaf}/nan"), self._column(f"{leaf}/inf")
            is_sound = not any(np.nan_to_num(count).any() for count in counts)
            ranked.append((is_sound, not panel.breached, position, panel))
        return [panel for *_, panel in sorted(ranked, key=lambda each: each[:3])]
