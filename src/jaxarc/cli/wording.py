"""Numbers in words, as every command writes them."""

from __future__ import annotations

__all__ = ["counted", "size"]


def counted(count: int, what: str) -> str:
    """Return ``1 episode``, ``2 episodes``, ``1,000 episodes``."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def size(num_bytes: int) -> str:
    """Return a size with its unit ("1.2 GB")."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(num_bytes) >= scale:
            return f"{num_bytes / scale:.1f} {unit}"
    return f"{num_bytes} B"
