"""W&B's offline files read back: its own record types, in the framing that its core writes."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_BLOCK, _HEADER = 32_768, 7
_MOST_S = 10.0
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


@contextmanager
def only_here(home: Path, mode: str | None = "offline") -> Iterator[None]:
    """Let W&B have no key and no network, and write no file of its own outside of a directory.

    Args:
        home: the directory.
        mode: what ``WANDB_MODE`` says; None where it is not set.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        for name in ("WANDB_API_KEY", "WANDB_CONTEXT_FILE", "WANDB_DIR", "WANDB_PROJECT", "WANDB_MODE"):
            patch.delenv(name, raising=False)
        if mode is not None:
            patch.setenv("WANDB_MODE", mode)
        patch.setenv("NETRC", str(home / "none"))
        for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR", "WANDB_ARTIFACT_DIR"):
            patch.setenv(name, str(home))
        yield


@dataclass
class OfflineRun:
    """What one offline directory says.

    Attributes:
        folder: the directory.
        run: the last ``RunRecord`` (name, group, tags, …), as its text fields.
        config, summary: by key.
        history: the rows, in order.
        metrics: what was defined, by name.
        artifacts: ``(name, type, aliases, manifest paths)`` of each.
        alerts: ``(title, text, level)`` of each.
        files: files that belong to the run.
        exit_code: None where the run was not finished.
    """

    folder: Path
    id: str = ""
    name: str = ""
    project: str = ""
    group: str = ""
    tags: tuple[str, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    artifacts: list[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    alerts: list[tuple[str, str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    exit_code: int | None = None

    def series(self, key: str, axis: str = "") -> list[Any]:
        """Return the values of a metric in order, or pairs with their place on an axis."""
        rows = [row for row in self.history if key in row]
        return [(row.get(axis), row[key]) if axis else row[key] for row in rows]

    @property
    def keys(self) -> set[str]:
        """Names of everything in its rows, but W&B's own and the marks of what was sent."""
        return {
            key for row in self.history for key in row if not key.startswith("_") and "jaxarc_sent" not in key
        }


def offline_runs(root: Path) -> dict[str, OfflineRun]:
    """Return the offline runs below a directory by id; an id that has several directories is an error.

    W&B's core writes in a process of its own: this waits until it has written the end of each run.
    """
    found: dict[str, OfflineRun] = {}
    until = time.monotonic() + _MOST_S
    for path in sorted(root.rglob("offline-run-*/run-*.wandb")):
        run = read_offline(path)
        while run.exit_code is None and time.monotonic() < until:
            time.sleep(0.02)
            run = read_offline(path)
        assert run.id not in found, f"{run.id} has two directories"
        found[run.id] = run
    return found


def read_offline(path: Path) -> OfflineRun:
    """Read one offline file."""
    from wandb.proto import wandb_internal_pb2

    protocol: Any = wandb_internal_pb2

    found = OfflineRun(path.parent)
    for data in _records(path.read_bytes()):
        record = protocol.Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        said = getattr(record, kind)
        if kind == "run":
            found.id, found.name, found.project = said.run_id, said.display_name, said.project
            found.group, found.tags = said.run_group, tuple(said.tags)
            _update(found.config, said.config.update)
        elif kind == "config":
            _update(found.config, said.update)
        elif kind == "summary":
            _update(found.summary, said.update)
        elif kind == "history":
            row: dict[str, Any] = {}
            _update(row, said.item)
            found.history.append(row)
        elif kind == "metric":
            found.metrics[said.name or said.glob_name] = said
        elif kind == "artifact":
            paths = tuple(each.path for each in said.manifest.contents)
            found.artifacts.append((said.name, said.type, tuple(said.aliases), paths))
        elif kind == "alert":
            found.alerts.append((said.title, said.text, said.level))
        elif kind == "files":
            found.files += [each.path for each in said.files]
        elif kind == "exit":
            found.exit_code = said.exit_code
    return found


def _update(values: dict[str, Any], items: Any) -> None:
    for item in items:
        keys = list(item.nested_key) or [item.key]
        within = values
        for key in keys[:-1]:
            within = within.setdefault(key, {})
        within[keys[-1]] = json.loads(item.value_json)


def _records(content: bytes) -> Iterator[bytes]:
    """Yield what LevelDB's log format frames; each piece has a checksum."""
    assert content[:4] == b":W&B"
    position, parts = _HEADER, []
    while position < len(content):
        left = _BLOCK - position % _BLOCK
        if left < _HEADER:
            assert not any(content[position : position + left])
            position += left
            continue
        if len(content) - position < _HEADER:
            return
        checksum, length, kind = struct.unpack_from("<IHB", content, position)
        data = content[position + _HEADER : position + _HEADER + length]
        if len(data) < length:
            return  # it is being written
        assert checksum == zlib.crc32(data, zlib.crc32(bytes([kind])))
        position += _HEADER + length
        parts.append(data)
        if kind in (_FULL, _LAST):
            yield b"".join(parts)
            parts = []
