"""Processes that share a run: the invitation that a child finds in its environment, and who may join."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.storage.atomic import atomic_write_bytes

__all__ = [
    "JOIN_VARIABLE",
    "SHARE_FILE",
    "Invitation",
    "invitation_from",
    "read_token",
    "remember",
    "write_token",
]

JOIN_VARIABLE = "JAXARC_RUN"
SHARE_FILE = "share.json"
SHARE_VERSION = 1
_NOTHING = "off"


@dataclass(frozen=True)
class Invitation:
    """What a process is told of the run that it shares: ``TOKEN:PATH`` as text.

    Attributes:
        token: what ``share.json`` of that run holds; ``off`` where the run records nothing.
        run_dir: the run; without one the token is ``off``.
        reason: why nothing is recorded.
    """

    token: str
    run_dir: Path | None = None
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.token}:{self.reason if self.run_dir is None else self.run_dir}"

    @classmethod
    def to_nothing(cls, reason: str) -> Invitation:
        """Return the invitation of a process that records nothing: those who read it do the same."""
        return cls(_NOTHING, None, reason)

    @classmethod
    def parse(cls, text: str) -> Invitation:
        """Read an invitation.

        Raises:
            StorageError: it is none.
        """
        token, colon, rest = text.partition(":")
        if token == _NOTHING and colon:
            return cls.to_nothing(rest)
        if not (token.isalnum() and rest.strip()):
            raise StorageError(
                f"{text[:80]!r} is no invitation to a run; give what recorder.share() returned, or unset "
                f"{JOIN_VARIABLE}"
            )
        return cls(token, Path(rest))


def write_token(run_dir: Path) -> str:
    """Write a new ``share.json`` and return its token; whoever was invited with an older one is not any more.

    Raises:
        StorageError: it cannot be written.
    """
    token = os.urandom(8).hex()
    content = {"schema_version": SHARE_VERSION, "run_id": run_dir.name, "token": token}
    atomic_write_bytes(run_dir / SHARE_FILE, json.dumps(content, indent=2).encode() + b"\n")
    return token


def read_token(run_dir: Path) -> str | None:
    """Return the token of ``share.json``; None where the run is not shared.

    Raises:
        DamagedFileError: the file is damaged, or of a newer schema.
    """
    path = run_dir / SHARE_FILE
    try:
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFileError(path, f"cannot be read ({error})") from error
    if not isinstance(content, Mapping) or not isinstance(content.get("token"), str):
        raise DamagedFileError(path, "holds no token")
    if content.get("schema_version") != SHARE_VERSION:
        raise DamagedFileError(
            path,
            f"has schema_version {content.get('schema_version')!r}, this jaxarc knows {SHARE_VERSION}; "
            "update it",
        )
    return content["token"]


_given_here: dict[str, int] = {}
"""The process that gave out each invitation it knows of: a child by fork finds its parent's."""


def remember(invitation: Invitation) -> None:
    """Note that this process gave it out: its own recorders do not join by the environment."""
    _given_here[str(invitation)] = os.getpid()


def invitation_from(environment: Mapping[str, str]) -> Invitation | None:
    """Return the invitation that this process was started with, or None.

    Raises:
        StorageError: the variable holds no invitation.
    """
    text = environment.get(JOIN_VARIABLE, "")
    if not text:
        return None
    invitation = Invitation.parse(text)
    return None if _given_here.get(text) == os.getpid() else invitation
