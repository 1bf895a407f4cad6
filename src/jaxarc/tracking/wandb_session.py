"""How runs of W&B are begun: under which id, online or offline, beside which others."""

from __future__ import annotations

import hashlib
import json
import netrc
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

if TYPE_CHECKING:
    from jaxarc.config.wandb import WandbConfig
    from jaxarc.tracking.backend import RunInfo

__all__ = ["CONTEXT_VARIABLE", "Link", "begin_run", "mode_of", "wandb_id"]

CONTEXT_VARIABLE = "WANDB_CONTEXT_FILE"
"""Names the file that tells the processes of a pipeline of each other."""

_FINISH_S = 10.0
"""Seconds that the end of a process waits at most for W&B's own uploads; who syncs a run waits for them."""

_INIT_S = 20.0
_REACH_S = 5.0
_MAX_ID = 64
_MAX_TAG = 64
_DEFAULT_URL = "https://api.wandb.ai"


@dataclass(frozen=True)
class Link:
    """What ties the run to the pipeline that it is part of; empty where it is part of none.

    Attributes:
        parent: id of the run of the pipeline's orchestrator.
        group: what the runs of the pipeline are grouped under.
        project, entity: where its orchestrator's run is: a group is one of a project.
    """

    parent: str = ""
    group: str = ""
    project: str = ""
    entity: str = ""

    @classmethod
    def of_environment(cls, run_dir: Path) -> Link:
        """Read the file that ``WANDB_CONTEXT_FILE`` names; empty where it is missing or of this run."""
        try:
            content = json.loads(Path(os.environ[CONTEXT_VARIABLE]).read_bytes())
        except (KeyError, OSError, ValueError):
            return cls()
        if not isinstance(content, Mapping) or content.get("run_dir") == str(run_dir):
            return cls()
        parent = str(content.get("run_id") or "")
        where = (str(content.get(name) or "") for name in ("project", "entity"))
        return cls(parent, str(content.get("group") or parent), *where)


def wandb_id(run_id: str, member: int | None = None) -> str:
    """Return the id that W&B has for a run: the run's own, where W&B takes it."""
    tame = re.sub(r"[^A-Za-z0-9_.-]+", "-", run_id)
    if tame != run_id or len(tame) > _MAX_ID:
        digest = hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        tame = f"{tame[: _MAX_ID - 9]}-{digest}"
    return tame if member is None else f"{tame}-m{member}"


def mode_of(settings: WandbConfig) -> str:
    """Return ``online``, ``offline`` or ``disabled``: what is said, else what W&B's key allows."""
    said = settings.mode or os.environ.get("WANDB_MODE", "").lower()
    said = {"dryrun": "offline", "run": "online"}.get(said, said)
    if said in ("online", "offline", "disabled"):
        return said
    return "online" if _has_key() else "offline"


def begin_run(
    info: RunInfo, settings: WandbConfig, mode: str, *, member: int | None = None, link: Link | None = None
) -> Any:
    """Begin a run of W&B, or go on with it where W&B has one of that id.

    Args:
        info: the run that it shows.
        settings: the project, the team and so on.
        mode: ``online`` or ``offline``.
        member: the member that it is for; None for the run of all.
        link: the pipeline that it is part of.

    Raises:
        ConnectionError: W&B cannot be reached.
    """
    import wandb

    if mode == "online":
        _reach(str(wandb.setup().settings.base_url))
    link = link or Link()
    folder = Path(settings.files_dir or os.environ.get("WANDB_DIR") or info.run_dir)
    folder.mkdir(parents=True, exist_ok=True)
    is_whole = info.is_live and member is None
    wanted = {
        "silent": True,
        "console": "off",
        "init_timeout": _INIT_S,
        "finish_timeout": _FINISH_S if info.is_live else 0.0,
        "finish_timeout_raises": info.is_live,
        "save_code": False,
        "x_disable_stats": not is_whole,  # of this machine, now: not of the one that trained
        "x_disable_meta": not is_whole,
        "x_save_requirements": is_whole,
        "disable_git": not is_whole,
    }
    is_own_project = settings.project_name != type(settings)().project_name
    known = getattr(wandb.Settings, "model_fields", wanted)
    tags = [*settings.tags, *([f"parent:{link.parent}"] if link.parent else [])]
    return wandb.init(
        entity=settings.entity or link.entity or None,
        project=link.project if link.project and not is_own_project else settings.project_name,
        id=wandb_id(info.run_id, member),
        name=info.name if member is None else f"{info.name} member {member}",
        group=settings.group or link.group or wandb_id(info.run_id),
        job_type=settings.job_type,
        notes=settings.notes or None,
        tags=[tag[:_MAX_TAG] for tag in tags],
        dir=str(folder),
        mode="online" if mode == "online" else "offline",
        resume="allow" if mode == "online" else None,
        reinit="create_new",
        settings=wandb.Settings(**{name: value for name, value in wanted.items() if name in known}),
    )


def _reach(address: str) -> None:
    """See that W&B's server can be reached: a ``wandb.init`` that failed holds the run's id for good.

    Raises:
        ConnectionError: it cannot.
    """
    if getproxies():
        return  # the way to it is not known here
    parts = urlsplit(address)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        socket.create_connection((parts.hostname or "", port), _REACH_S).close()
    except OSError as error:
        raise ConnectionError(f"W&B cannot be reached at {address}: {error}") from error


def _has_key() -> bool:
    """Say whether W&B has a key here: in the environment, or where ``wandb login`` left it."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or _DEFAULT_URL).hostname or ""
    try:
        found = netrc.netrc(os.environ.get("NETRC") or None).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return False
    return found is not None
