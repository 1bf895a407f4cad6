"""How a tracker of a run fares, in numbers and words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TrackerHealth"]


@dataclass(frozen=True, kw_only=True)
class TrackerHealth:
    """How far a tracker has what is committed.

    Attributes:
        state: ``waiting`` (nothing is committed yet), ``sending``, ``up to date``, ``failing`` (asked again
            after a pause), ``given up`` (left to ``jaxarc sync``) or ``ended``.
        sent: records that it accepted, in earlier sessions too.
        refused: records that it refused, or that were given up for it.
        behind_bytes: bytes of the run's event files that it does not have.
        failures: calls of it that failed.
        failing_s: seconds since it took something; 0 where it does not fail.
        waits_s: seconds that the call lasts that it is in; 0 between calls.
        last_error: what failed last; empty where nothing did.
        shown_at: the command or the address with which people see the run there; empty where it is not known.
    """

    state: str = "waiting"
    sent: int = 0
    refused: int = 0
    behind_bytes: int = 0
    failures: int = 0
    failing_s: float = 0.0
    waits_s: float = 0.0
    last_error: str = ""
    shown_at: str = ""

    def __str__(self) -> str:
        words = [self.state, f"{self.sent:,} records sent"]
        if self.refused:
            words.append(f"{self.refused:,} refused")
        if self.behind_bytes:
            words.append(f"{self.behind_bytes / 1e3:,.1f} kB of events behind")
        if self.waits_s >= 1:
            words.append(f"no answer for {self.waits_s:.0f} s")
        if self.failures:
            words.append(f"{self.failures:,} calls failed, the last: {self.last_error}")
        return ", ".join(words)
