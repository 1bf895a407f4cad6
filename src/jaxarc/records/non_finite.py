"""Where a number first was NaN or infinite, as it stands in the run's log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from jaxarc.records.experiment_events import Log

__all__ = ["DIAGNOSTICS_LOGGER", "KINDS", "NonFinite"]

DIAGNOSTICS_LOGGER = "jaxarc.diagnostics"
"""Who says in the run's log what was found."""

KINDS = ("nan", "inf", "-inf")

_FIELDS = ("leaf", "kind", "where", "index", "count", "leaves", "stream")


@dataclass(frozen=True, kw_only=True)
class NonFinite:
    """The first number that was not finite.

    Attributes:
        leaf: the path of its leaf (``grads.dense.kernel``, ``obs[0]``).
        kind: ``nan``, ``inf`` or ``-inf``.
        where: positions by axis, as far as they are known: ``member``, ``update``, ``step``, ``env``.
        index: where it lies in the leaf, behind those axes.
        count: how many numbers were not finite at that time.
        leaves: how many leaves hold such numbers.
        stream: the stream; empty outside of a recorder's program.
    """

    leaf: str
    kind: str
    where: Mapping[str, int] = field(default_factory=dict)
    index: Sequence[int] = ()
    count: int = 1
    leaves: int = 1
    stream: str = ""

    @property
    def member(self) -> int | None:
        """The position along the vmapped axes around the loop."""
        return self.where.get("member")

    @property
    def update(self) -> int | None:
        """The policy-update count."""
        return self.where.get("update")

    @property
    def step(self) -> int | None:
        """The step of the rollout or of the loop."""
        return self.where.get("step")

    @property
    def env(self) -> int | None:
        """The environment."""
        return self.where.get("env")

    def __str__(self) -> str:
        index = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        places = ", ".join(f"{axis} {position:,}" for axis, position in self.where.items())
        numbers = "1 number" if self.count == 1 else f"{self.count:,} numbers"
        more = (
            ""
            if self.count == 1
            else f"; {numbers} in {self.leaves:,} " + ("leaf" if self.leaves == 1 else "leaves")
        )
        return f"{self.leaf}{index} is {self.kind}" + (f" at {places}" if places else "") + more

    def log(self, action: str = "warn", step: int | None = None) -> Log:
        """Return it as an entry of the run's log.

        Args:
            action: what was done about it (``alert`` tells trackers that know alerts).
            step: the step of the entry.
        """
        known = {name: getattr(self, name) for name in _FIELDS}
        known["where"], known["index"] = dict(self.where), list(self.index)
        title = f"{self.leaf} is not finite"
        alert = {"alert": True, "title": title} if action in ("alert", "raise") else {}
        return Log(
            level="ERROR",
            msg=f"first number that is not finite: {self}",
            logger=DIAGNOSTICS_LOGGER,
            step=step,
            fields={"kind": "non_finite", "action": action, **alert, "found": known},
        )

    @classmethod
    def of(cls, entry: Log) -> Self | None:
        """Read what ``log`` made; None for other entries."""
        found: Any = entry.fields.get("found")
        if entry.fields.get("kind") != "non_finite" or not isinstance(found, Mapping) or "leaf" not in found:
            return None
        return cls(**{name: found[name] for name in _FIELDS if name in found})
