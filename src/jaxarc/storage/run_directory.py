"""Where a run lives: its directory, its ``run.json``, and how runs are found again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxarc.errors import DamagedFileError, RunNotFoundError, StorageError, closest
from jaxarc.storage.atomic import atomic_write_bytes, storage_errors
from jaxarc.storage.segment_names import STEPS_FOLDER, segment_names

if TYPE_CHECKING:
    from jaxarc.config import EpisodeConfig

__all__ = [
    "RUN_FILE",
    "RUN_VERSION",
    "create_run_dir",
    "find_runs",
    "read_run_file",
    "resolve_run",
    "run_file_problem",
    "write_run_file",
]

RUN_FILE = "run.json"
RUN_VERSION = 1


def create_run_dir(config: EpisodeConfig) -> Path:
    """Make a directory that no other run has, and return it.

    Its name is ``run_name`` or the UTC time, then a random suffix: two runs never share a directory.

    Raises:
        StorageError: it cannot be made.
    """
    experiment = Path(config.base_output_dir).expanduser() / config.experiment
    name = config.run_name or datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    with storage_errors(experiment):
        experiment.mkdir(parents=True, exist_ok=True)
        for _ in range(100):
            run_dir = experiment / f"{name}-{os.urandom(3).hex()}"
            try:
                run_dir.mkdir()
            except FileExistsError:
                continue
            for folder in ("steps", "events"):
                (run_dir / folder).mkdir()
            return run_dir.resolve()
    raise StorageError(f"{experiment}: a hundred random names for a run are taken; set storage.experiment")


def write_run_file(run_dir: Path, content: Mapping[str, Any]) -> None:
    """Replace ``run.json`` atomically."""
    text = json.dumps({"schema_version": RUN_VERSION, **content}, indent=2)
    atomic_write_bytes(run_dir / RUN_FILE, text.encode() + b"\n")


def read_run_file(run_dir: Path) -> dict[str, Any]:
    """Read ``run.json``; a run whose file is missing still has its directory's name.

    Raises:
        DamagedFileError: the file is no JSON object.
    """
    path = run_dir / RUN_FILE
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {"run_id": run_dir.name, "status": "LOST"}
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFileError(path, f"cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise DamagedFileError(path, f"holds a {type(content).__name__}, a run file holds an object")
    return content


def run_file_problem(run_dir: Path, content: Mapping[str, Any]) -> DamagedFileError | None:
    """Return what is wrong with a ``run.json`` that was read: gone, another program's, of a newer jaxarc."""
    path, version = run_dir / RUN_FILE, content.get("schema_version")
    if not path.is_file():
        return DamagedFileError(
            path, "is gone, with the run's status, settings and counts; its episodes are not"
        )
    if not isinstance(version, int):
        return DamagedFileError(path, "is no run file of jaxarc's: it has no schema_version")
    if version > RUN_VERSION:
        return DamagedFileError(
            path, f"is of schema {version}, this jaxarc reads up to {RUN_VERSION}; update jaxarc-toolkit"
        )
    return None


def _is_run(folder: Path) -> bool:
    """Say whether a folder is a run: one that lost its ``run.json`` still has segments."""
    return _has_run_file(folder) or bool(segment_names(folder))


def _has_run_file(folder: Path) -> bool:
    """Say whether a folder has a ``run.json`` of jaxarc, or one that can't be read."""
    if not (folder / RUN_FILE).is_file():
        return False
    try:
        return "schema_version" in read_run_file(folder)
    except DamagedFileError:
        return True


def find_runs(root: Path) -> list[Path]:
    """Return the run directories below ``root``, oldest first."""
    if _is_run(root):
        return [root]
    parts = {
        path.parent
        for depth in ("*", "*/*", "*/*/*")
        for part in (RUN_FILE, STEPS_FOLDER)
        for path in root.glob(f"{depth}/{part}")
    }
    found = {folder for folder in parts if _is_run(folder)}

    def age(run_dir: Path) -> tuple[float, str]:
        try:
            created = float(read_run_file(run_dir).get("created", 0.0))
        except (DamagedFileError, TypeError, ValueError):
            created = 0.0
        return created, run_dir.name

    return sorted(found, key=age)


def resolve_run(name: str | os.PathLike[str], root: Path) -> Path:
    """Find the run that a user means.

    Args:
        name: a path, a run's name or the beginning of one, ``latest``, or ``latest~1`` for the one before;
            ``baseline`` or ``baseline:NAME`` for a run that was given that name.
        root: where runs are looked for.

    Raises:
        RunNotFoundError: none or several answer to the name; the closest are listed.
    """
    text = os.fspath(name)
    path = Path(text).expanduser()
    if _is_run(path):
        return path.resolve()
    if path.is_dir() and os.sep in text:
        raise RunNotFoundError(_why_no_run(path))
    runs = find_runs(root) if root.is_dir() else []
    if text == "latest" or text.startswith("latest~"):
        back = text.removeprefix("latest").removeprefix("~") or "0"
        if not (back.isascii() and back.isdigit()):
            raise RunNotFoundError(f"{text}: after latest~ comes a whole number, such as latest~1")
        if int(back) >= len(runs):
            held = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
            raise RunNotFoundError(f"{text}: {root} holds {held}; record one with jaxarc rollout")
        return runs[-1 - int(back)].resolve()
    exact = [run for run in runs if run.name == text]
    if not exact and text.startswith("baseline"):
        from jaxarc.storage.baselines import baseline_dir, baseline_of

        if (baseline := baseline_of(text)) is not None:
            return baseline_dir(root, baseline)
    begins = exact or [run for run in runs if text and run.name.startswith(text)]
    if len(begins) == 1:
        return begins[0].resolve()
    names = [run.name for run in runs]
    if begins:
        raise RunNotFoundError(
            f"{text} is the beginning of {len(begins)} runs: {', '.join(r.name for r in begins[:5])}"
        )
    if path.is_dir():
        raise RunNotFoundError(f"{_why_no_run(path)}; nor is a run of this name below {root}")
    if path.exists():
        raise RunNotFoundError(
            f"{path} is a file; a run is a directory, such as the one that {RUN_FILE} is in"
        )
    raise RunNotFoundError(
        f"no run {text!r} below {root}{closest(text, [*names, 'latest'] if names else [])}"
    )


def _why_no_run(folder: Path) -> str:
    """Say why a directory is no run, and what to do."""
    if not any(folder.iterdir()):
        return f"{folder} is no run: it is empty"
    if (folder / RUN_FILE).is_file():
        return f"{folder} is no run: its {RUN_FILE} is another program's (it has no schema_version)"
    below = len(find_runs(folder))
    lists = f"; jaxarc ls {folder} lists the {below} below it" if below else ""
    return f"{folder} is no run: it holds neither {RUN_FILE} nor segments of steps{lists}"
