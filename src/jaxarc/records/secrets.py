"""Secrets stay out of the record: passwords, keys and tokens of configurations and command lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["REDACTED", "redacted", "redacted_arguments"]

REDACTED = "<redacted>"

_SECRET_NAME = re.compile(
    r"(^|[_.\-/])(password|passwd|passphrase|secret|token|credentials?|api_?key|secret_?key|access_?key"
    r"|private_?key|auth)$",
    re.IGNORECASE,
)
_PLAIN_TOKEN = re.compile(r"(^|[_.\-/])(pad|eos|bos|sep|cls|mask|unk|start|end|stop)_token$", re.IGNORECASE)
"""What a model calls so is no secret."""

_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+@")
_ASSIGNED = re.compile(r"^([+~-]*)([\w.\-/]+)=(.+)$", re.DOTALL)


def is_secret(name: str) -> bool:
    """Say whether what goes by this name is a secret."""
    plain = name.lstrip("-").replace("-", "_")
    return bool(_SECRET_NAME.search(plain)) and not _PLAIN_TOKEN.search(plain)


def redacted(value: Any, name: str = "") -> Any:
    """Return a value without the secrets in it: texts whose name says that they are, and users in addresses.

    Args:
        value: plain values; mappings and lists are gone through.
        name: what it is called.
    """
    if isinstance(value, str):
        if value and is_secret(name):
            return REDACTED
        return _IN_ADDRESS.sub(f"{REDACTED}@", value) if "://" in value else value
    if isinstance(value, Mapping):
        return {key: redacted(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redacted(item, name) for item in value]
    return value


def redacted_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a command line without its secrets: ``--api-key VALUE``, ``token=VALUE``, users in addresses."""
    shown: list[str] = []
    hides_next = False
    for argument in arguments:
        assigned = _ASSIGNED.match(argument)
        if hides_next and not argument.startswith("-"):
            shown.append(REDACTED)
            hides_next = False
            continue
        hides_next = argument.startswith("-") and assigned is None and is_secret(argument)
        if assigned is not None and is_secret(assigned[2]):
            shown.append(f"{assigned[1]}{assigned[2]}={REDACTED}")
        else:
            shown.append(redacted(argument))
    return shown
