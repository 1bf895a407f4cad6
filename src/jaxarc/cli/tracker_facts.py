"""What ``jaxarc show RUN`` says of the trackers that the run was sent to, and where people find it there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jaxarc.cli.wording import counted
from jaxarc.replay import ReplaySystem
from jaxarc.tracking.tracked_run import run_config

__all__ = ["tracker_facts", "tracker_lines"]

_SENT_LATER = ("wandb", "mlflow", "tensorboard", "trackio")
"""What ``jaxarc sync`` knows by name."""


def tracker_facts(run: ReplaySystem) -> list[dict[str, Any]]:
    """Return what each tracker has of a run, by their names; of one that cannot be read nothing.

    Args:
        run: the run.
    """
    found = []
    for path in sorted((run.run_dir / "trackers").glob("*.json")):
        try:
            said = json.loads(path.read_bytes())
            found.append(
                {
                    "backend": str(said["backend"]),
                    "sent": int(said["sent"]),
                    "refused": int(said["refused"]),
                    "closed": str(said["closed"]),
                    "shown_at": str(said["ticket"].get("shown_at") or ""),
                }
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
    return found


def tracker_lines(run: ReplaySystem) -> list[tuple[str, str, str]]:
    """Return name, words and style of a line for each tracker.

    Args:
        run: the run.
    """
    lines, facts = [], tracker_facts(run)
    for name in sorted(_asked(run) - {each["backend"] for each in facts}):
        if run.status != "RUNNING":  # down from the beginning to the end: it noted nothing
            lines.append((name, f"nothing sent: jaxarc sync {run.name} --to {name}", "yellow"))
    for each in facts:
        words = [f"{counted(each['sent'], 'record')} sent"]
        if each["refused"]:
            words.append(f"{each['refused']:,} refused")
        is_behind = each["closed"] in ("", "RUNNING") and run.status != "RUNNING"
        if is_behind:
            words.append(f"not all of them: jaxarc sync {run.name} --to {each['backend']}")
        if each["shown_at"]:
            words.append(each["shown_at"])
        lines.append((each["backend"], "; ".join(words), "yellow" if is_behind or each["refused"] else ""))
    return lines


def _asked(run: ReplaySystem) -> set[str]:
    """Return the trackers that the run's configuration names and that a run can be sent to afterwards."""
    logging = run_config(run.run_dir).get("logging")
    names = logging.get("trackers") if isinstance(logging, Mapping) else None
    return {name for name in _SENT_LATER if isinstance(names, list) and name in names}
