"""Keep rules: which finished episodes of a stream have their steps stored."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jaxarc.config.rules import RejectedError, shown

__all__ = ["COUNTED_RULES", "KEEP_RULES", "KeepRule", "keep_rule_text", "parse_keep_rule"]

COUNTED_RULES = {"every_n": 10, "best_n": 5, "worst_n": 5}
"""Rules that take a number, with the number that is suggested when it is missing."""

KEEP_RULES = ("all", "every_n", "capped_cubic", "best_n", "worst_n", "success", "failed", "first_success")


@dataclass(frozen=True)
class KeepRule:
    """One rule by which episodes are kept.

    Attributes:
        name: one of ``KEEP_RULES``.
        n: the number of ``every_n``, ``best_n`` and ``worst_n``; None for the others.
    """

    name: str
    n: int | None = None

    def __str__(self) -> str:
        return self.name if self.n is None else f"{self.name}:{self.n}"


def parse_keep_rule(words: Any) -> KeepRule:
    """Read a rule as the configuration spells it: ``all``, ``best_n:5``.

    Raises:
        RejectedError: with the rule that was probably meant.
    """
    if isinstance(words, KeepRule):
        words = str(words)
    if not isinstance(words, str):
        raise RejectedError(f"must be a keep rule such as all or best_n:5, got {shown(words)}")
    name, _, digits = words.strip().partition(":")
    if name not in KEEP_RULES:
        near = get_close_matches(name, KEEP_RULES, n=1, cutoff=0.5)
        instead = example_of(near[0] if near else "all")
        raise RejectedError(f"must be a keep rule ({', '.join(KEEP_RULES)}), got {shown(words)}", instead)
    if name not in COUNTED_RULES:
        if ":" in words:
            raise RejectedError(f"must be {name} without a number, got {shown(words)}", name)
        return KeepRule(name)
    if not (digits.isascii() and digits.isdigit() and int(digits) >= 1):
        problem = f"must be {name} with a number of at least 1, got {shown(words)}"
        raise RejectedError(problem, example_of(name))
    return KeepRule(name, int(digits))


def example_of(name: str) -> str:
    """Return a rule as it is spelled, with a number where it needs one."""
    return f"{name}:{COUNTED_RULES[name]}" if name in COUNTED_RULES else name


def keep_rule_text(words: Any) -> str:
    """Accept a keep rule, in its normal spelling."""
    return str(parse_keep_rule(words))
