"""What is said of the files of an episode that was drawn: which of them trackers show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.experiment_events import Media

__all__ = ["drawn_media"]

_WHOLES = {".html": ("player", "html"), ".gif": ("film", "video"), ".mp4": ("film", "video")}


def drawn_media(episode: EpisodeData, files: Sequence[Path], run_dir: Path) -> list[Media]:
    """Return the summary, the player and the films of an episode; pictures of its steps are in the player.

    A summary that is there as PNG and as SVG is one picture, in two forms.

    Args:
        episode: what was drawn.
        files: the files, all of them; those that do not lie in the run are not its own.
        run_dir: the run's directory.
    """
    home = run_dir.resolve()
    files = [path for path in files if path.resolve().is_relative_to(home)]
    row = episode.row
    meta = {
        "episode": int(row["episode"]),
        "stream": str(row["stream"]),
        "member": int(row["member"]),
        "env_step": int(row["end_step"]),
        "writer": int(row["writer"]),
    }
    caption = _caption(row)
    said = []
    summaries = {path.suffix: path for path in files if path.stem == "summary"}
    if summaries.keys() & {".png", ".svg"}:
        forms = {suffix[1:]: _relative(path, run_dir) for suffix, path in summaries.items()}
        first = forms.get("png") or forms["svg"]
        more = {**meta, "svg": forms["svg"]} if len(forms.keys() & {"png", "svg"}) == 2 else meta
        key = f"episodes/{meta['stream']}"
        said.append(Media(key=key, kind="image", path=first, caption=caption, meta=more))
    for path in files:
        if path.suffix in _WHOLES:
            name, kind = _WHOLES[path.suffix]
            key = f"{name}/{meta['stream']}"
            relative = _relative(path, run_dir)
            said.append(Media(key=key, kind=kind, path=relative, caption=caption, meta=meta))
    return said


def _caption(row: Mapping[str, object]) -> str:
    words = [f"episode {row['episode']}"]
    if row["task_id"]:
        words.append(f"task {row['task_id']}")
    words.append(f"reward {row['total_reward']:.6g}")
    words.append(f"{row['total_steps']} steps")
    if row["success"]:
        words.append("solved")
    return ", ".join(words)


def _relative(path: Path, run_dir: Path) -> str:
    return path.resolve().relative_to(run_dir.resolve()).as_posix()
