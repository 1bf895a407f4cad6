"""``jaxarc pin`` and ``jaxarc note``: pins set and taken away, notes written and printed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text

from jaxarc.cli.chosen_episodes import chosen_episodes
from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.records.notes import Note
from jaxarc.replay import open_run
from jaxarc.replay.addresses import shown_address

__all__ = ["note_facts", "note_or_list", "pin_episodes"]

_RANGE = re.compile(r"^(?:p[0-9]+-)?[0-9]+-[0-9]+$|,")


def pin_episodes(
    run_name: str, names: Sequence[str], *, remove: bool, as_json: bool, root: str | None
) -> None:
    """Set pins, or take them away, and say so.

    Raises:
        EpisodeNotFoundError: there is no such episode.
        StorageError: the run can only be read, or not be written.
    """
    run = open_run(run_name, root)
    chosen: list[tuple[int, int]] = []
    for name in names:
        if _RANGE.search(name.strip()):
            chosen += chosen_episodes(run, [name]).episodes
        else:
            chosen.append(run.resolve(name))  # also one that has no steps left
    (run.unpin if remove else run.pin)(*chosen)
    if as_json:
        pinned = [shown_address(*address) for address in run.pinned()]
        changed = [shown_address(*address) for address in chosen]
        print_json({"run": run.name, "unpinned" if remove else "pinned": changed, "all_pinned": pinned})
        return
    words = f"{counted(len(chosen), 'episode')} {'unpinned' if remove else 'pinned'} in {run.name}"
    terminal().print(Text(f"{words}; {len(run.pinned()):,} in all"), soft_wrap=True)


def note_or_list(
    run_name: str,
    text: str | None,
    *,
    episode: str | None,
    step: int | None,
    as_json: bool,
    root: str | None,
) -> None:
    """Write a note, or print those that there are.

    Raises:
        EpisodeNotFoundError: there is no such episode.
        ReplayError: the note is empty or too long, or the episode has no such step.
        StorageError: the run can only be read, or not be written.
    """
    run = open_run(run_name, root)
    if text is not None:
        run.note(text, episode, step)
        found = run.notes()[-1:]
    else:
        found = [note for note in run.notes(episode) if step is None or note.step == step]
    if as_json:
        print_json({"run": run.name, "notes": [note_facts(note) for note in found]})
        return
    console = terminal()
    for note in found:
        console.print(Text(str(note)), soft_wrap=True)
    if not found:
        console.print(f"{run.name} has no notes{'' if episode is None else f' on episode {episode}'}")


def note_facts(note: Note) -> dict[str, object]:
    """Return a note as JSON has it."""
    return {
        "time": note.time.isoformat(),
        "writer": note.writer,
        "episode": note.episode,
        "step": note.step,
        "text": note.text,
    }
