"""Where a run comes from: versions, machine, git. Standard library only."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from jaxarc.records.secrets import redacted, redacted_arguments

__all__ = ["git_state", "provenance"]

_PACKAGES = ("jaxarc-toolkit", "jax", "jaxlib", "numpy", "equinox", "h5py")
_GIT_TIMEOUT_S = 5.0


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=_GIT_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # no git, or one that hangs: a run is recorded without it
    return done.stdout.strip() if done.returncode == 0 else None


def git_state() -> dict[str, Any] | None:
    """Return commit, branch, address, and whether files differ from the commit; None outside a repository."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return None
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return {
        "commit": commit,
        "branch": _git("rev-parse", "--abbrev-ref", "HEAD"),
        "dirty": None if changes is None else bool(changes),
        "repo": redacted(_git("config", "--get", "remote.origin.url")),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _entrypoint() -> str:
    """Return the program that runs: its file's name, or ``-m package``."""
    folder, name = os.path.split(sys.argv[0] if sys.argv else "")
    return f"-m {os.path.basename(folder)}" if name == "__main__.py" else name


def provenance(devices: Sequence[str]) -> dict[str, Any]:
    """Return what ``run.json`` says of the machine, the versions and the source.

    Args:
        devices: the devices that JAX sees.
    """
    return {
        "hostname": socket.gethostname(),
        "pid": os.getpid(),
        "platform": platform.platform(),
        "entrypoint": _entrypoint(),
        "argv": redacted_arguments(sys.argv),
        "devices": list(devices),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "git": git_state(),
    }
