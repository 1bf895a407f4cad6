"""The index: the episode tables of all segments as columns. Derived; rebuilt when it is not true."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.storage.atomic import atomic_write_bytes
from jaxarc.storage.columns import group_at, read_column, read_table, write_column, write_table
from jaxarc.storage.datasets import file_image
from jaxarc.storage.segment_names import SegmentName, segment_files
from jaxarc.storage.segments import StoredSteps, read_segment_tables

__all__ = ["INDEX_FILE", "RunIndex", "build_index", "load_index", "write_index"]

INDEX_FILE = "index.h5"
INDEX_VERSION = 1
_BLOCK_COLUMNS = ("writer", "uid", "segment", "layout", "row", "count")


@dataclass
class RunIndex:
    """Everything that a run knows of its episodes without opening a segment.

    Attributes:
        segments: file name of each segment.
        sizes: bytes of each.
        layouts: names of the layout groups, as ``blocks["layout"]`` counts them.
        episodes: all rows; the column ``writer`` is the number of the process that wrote them.
        blocks: where steps lie: ``writer, uid, segment, layout, row, count``, sorted by writer and uid.
        problems: segments that could not be read.
    """

    segments: list[str]
    sizes: list[int]
    layouts: list[str]
    episodes: EpisodeTable
    blocks: dict[str, np.ndarray]
    problems: list[DamagedFileError] = field(default_factory=list)

    def stored_steps(self, run_dir: Path, writer: int, uid: int) -> list[StoredSteps]:
        """Return the stored steps of an episode, in order."""
        key = self.blocks["writer"] * (1 << 48) + self.blocks["uid"]
        wanted = writer * (1 << 48) + uid
        low, high = np.searchsorted(key, [wanted, wanted + 1])
        found = [
            StoredSteps(
                run_dir / "steps" / self.segments[int(self.blocks["segment"][i])],
                self.layouts[int(self.blocks["layout"][i])],
                int(self.blocks["row"][i]),
                int(self.blocks["count"][i]),
            )
            for i in range(int(low), int(high))
        ]
        # Within a segment steps lie layout by layout; an episode that several programs recorded has more.
        return sorted(found, key=lambda stored: int(stored.steps[0]))


def build_index(run_dir: Path) -> RunIndex:
    """Read the tables of every segment; segments that cannot be read are listed in ``problems``."""
    segments, sizes, layouts, tables = [], [], {}, []
    parts: dict[str, list[np.ndarray]] = {name: [] for name in _BLOCK_COLUMNS}
    problems = []
    for path in segment_files(run_dir):
        try:
            size = path.stat().st_size
            found = read_segment_tables(path)
        except DamagedFileError as error:
            problems.append(error)
            continue
        except FileNotFoundError as error:
            problems.append(DamagedFileError(path, f"went away while it was read ({error})"))
            continue
        name = SegmentName.parse(path.name)
        assert name is not None
        writer = name.writer
        position = np.array([layouts.setdefault(name, len(layouts)) for name in found.layouts], np.int64)
        count = len(found.blocks.uid)
        parts["writer"].append(np.full(count, writer, np.int64))
        parts["uid"].append(found.blocks.uid)
        parts["segment"].append(np.full(count, len(segments), np.int64))
        parts["layout"].append(position[found.blocks.layout] if count else np.zeros(0, np.int64))
        parts["row"].append(found.blocks.row)
        parts["count"].append(found.blocks.count)
        found.episodes.columns["writer"] = np.full(len(found.episodes), writer, np.int32)
        tables.append(found.episodes)
        segments.append(path.name)
        sizes.append(size)
    blocks = {
        name: np.concatenate(arrays) if arrays else np.zeros(0, np.int64) for name, arrays in parts.items()
    }
    order = np.lexsort((blocks["segment"], blocks["uid"], blocks["writer"]))
    episodes = EpisodeTable.concatenate(tables)
    episodes.columns.setdefault("writer", np.zeros(len(episodes), np.int32))
    return RunIndex(
        segments=segments,
        sizes=sizes,
        layouts=list(layouts),
        episodes=episodes,
        blocks={name: column[order] for name, column in blocks.items()},
        problems=problems,
    )


def write_index(run_dir: Path, index: RunIndex) -> None:
    """Replace ``index.h5`` atomically.

    Raises:
        StorageError: it cannot be written; the run reads without it.
    """

    def write(file: h5py.File) -> None:
        file.attrs["format"] = "jaxarc-index"
        file.attrs["schema_version"] = INDEX_VERSION
        write_column(file, "segments/name", encode_text(index.segments), "none")
        write_column(file, "segments/size", np.array(index.sizes, np.int64), "none")
        write_column(file, "layouts", encode_text(index.layouts), "none")
        write_table(file, "episodes", index.episodes.columns, "zstd")
        for name in _BLOCK_COLUMNS:
            write_column(file, f"blocks/{name}", index.blocks[name], "zstd")

    path = run_dir / INDEX_FILE
    atomic_write_bytes(path, file_image(path, write))


def _read_index(run_dir: Path) -> RunIndex | None:
    """Return the index on disk when it describes the segments on disk, else None."""
    path = run_dir / INDEX_FILE
    if not path.is_file():
        return None
    try:
        with h5py.File(path, "r", locking=False) as file:
            if (
                file.attrs.get("format") != "jaxarc-index"
                or file.attrs.get("schema_version") != INDEX_VERSION
            ):
                return None

            def texts(name: str) -> list[str]:
                return [value.decode() for value in read_column(file, name).tolist()]

            segments, layouts = texts("segments/name"), texts("layouts")
            sizes = read_column(file, "segments/size").tolist()
            on_disk = [(path.name, path.stat().st_size) for path in segment_files(run_dir)]
            if list(zip(segments, sizes, strict=True)) != on_disk:
                return None
            columns = read_table(group_at(file, "episodes"))
            blocks = {name: read_column(file, f"blocks/{name}") for name in _BLOCK_COLUMNS}
    except (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError):
        return None  # damaged: the segments are the truth, and are read instead
    return RunIndex(segments, sizes, layouts, EpisodeTable(columns), blocks)


def load_index(run_dir: Path) -> RunIndex:
    """Return the run's index: the one on disk when it is true, one built from the segments otherwise."""
    return _read_index(run_dir) or build_index(run_dir)
