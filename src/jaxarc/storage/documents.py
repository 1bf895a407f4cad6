"""Small JSON documents of a run, by folder and name; a name from outside cannot leave its folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import quote

__all__ = ["document_path", "file_name"]

_MAX_NAME_BYTES = 150
_DIGEST_LENGTH = 12


def file_name(name: str) -> str:
    """Return ``name`` as one file name: what is unusual percent-encoded, what is long cut and told apart."""
    encoded = "".join(c if c.isalnum() or c in "-_. " else quote(c, safe="", errors="replace") for c in name)
    if encoded.startswith("."):
        encoded = f"%2E{encoded[1:]}"
    if len(encoded.encode()) <= _MAX_NAME_BYTES:
        return encoded or "%"
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:_DIGEST_LENGTH]
    return encoded.encode()[:_MAX_NAME_BYTES].decode("utf-8", "ignore") + f"~{digest}"


def document_path(run_dir: Path, folder: str, name: str) -> Path:
    """Return where a document lies (``tasks/<id>.json``), whatever its folder and name are made of."""
    return run_dir / file_name(folder) / f"{file_name(name)}.json"
