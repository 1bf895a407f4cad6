"""Which names a pattern means."""

from __future__ import annotations

from fnmatch import fnmatchcase

__all__ = ["fits"]


def fits(name: str, pattern: str) -> bool:
    """Return whether a name of a metric or of a leaf is one that a pattern means.

    Args:
        name: the name.
        pattern: ``*`` stands for any characters, ``?`` for one; everything else for itself, brackets too, as
            they are parts of names (``layers[0]/max``).
    """
    return name == pattern or fnmatchcase(name, pattern.replace("[", "[[]"))
