"""Numbers in words, as every command writes them."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, what: str) -> str:
    """Return ``1 episode``, ``2 episodes``, ``1,000 episodes``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
