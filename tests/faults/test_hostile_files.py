"""HDF5 files that somebody else made: absurd sizes are refused with their numbers, in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np
import pytest

import jaxarc
from jaxarc.storage.segments import layout_of

ROOM = 1 << 30
LAYOUT = json.dumps(
    {"given": [], "kind": "steps", "program": "steps", "rows": [], "scalars": [], "stream": "s"},
    sort_keys=True,
)

READER = """
import json, resource, sys
from pathlib import Path
from jaxarc.errors import DamagedFileError
from jaxarc.storage.salvage import salvaged_segment
from jaxarc.storage.segment_check import check_segment
from jaxarc.storage.segment_names import SegmentName
from jaxarc.storage.segments import StoredSteps, read_segment_tables

with open("/proc/self/statm") as statm:
    taken = int(statm.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + {room}, taken + {room}))

def attempt(read):
    try:
        read()
    except DamagedFileError as error:
        return str(error)
    return "read it"

said, examined = {{}}, {{}}
for path in map(Path, sys.argv[1:]):
    if path.stem.endswith("_steps"):
        said[path.stem] = attempt(lambda: StoredSteps(path, {layout!r}, 0, 10**12).column("terminated"))
    else:
        said[path.stem] = attempt(lambda: read_segment_tables(path))
    examined[path.stem] = check_segment(path, SegmentName(0, 1, 1)).problems
    salvaged_segment(path, path.with_suffix(".new"), writer="p000", sequence=1)
print(json.dumps([said, examined]))
"""


def claimed_rows(file: h5py.File) -> None:
    file.create_dataset("episodes/uid", shape=(10**12,), chunks=(1000,), dtype="i8", compression="gzip")


def claimed_rows_without_chunks(file: h5py.File) -> None:
    file.create_dataset("episodes/uid", shape=(10**12,), dtype="i8")


def one_huge_text(file: h5py.File) -> None:
    file.create_dataset("episodes/stream", shape=(1,), dtype="S2000000000")


def zstd_column(file: h5py.File, name: str, dtype: str, rows: int) -> h5py.Dataset:
    return file.create_dataset(name, shape=(rows,), dtype=dtype, chunks=(rows,), **hdf5plugin.Zstd(1))


def many_columns(file: h5py.File) -> None:
    for number in range(4):
        zstd_column(file, f"episodes/c{number}", "f8", 9_000_000)[:] = 0.0


def bomb(file: h5py.File) -> None:
    packed = zstd_column(file, "packed", "i1", 100_000_000)
    packed[:] = 0
    zstd_column(file, "episodes/uid", "i8", 1000).id.write_direct_chunk(
        (0,), packed.id.read_direct_chunk((0,))[1]
    )


def claimed_frame(file: h5py.File) -> None:
    frame = b"\x28\xb5\x2f\xfd" + bytes([0b11100000]) + (1 << 45).to_bytes(8, "little") + bytes(20)
    zstd_column(file, "episodes/uid", "i8", 1000).id.write_direct_chunk((0,), frame)


def large_chunk(file: h5py.File) -> None:
    file.create_dataset("episodes/uid", shape=(10,), maxshape=(None,), chunks=(2**28,), dtype="i8")


def unequal_columns(file: h5py.File) -> None:
    file["episodes/uid"] = np.arange(3)
    file["episodes/episode"] = np.arange(4)


def text_of_any_length(file: h5py.File) -> None:
    file.create_dataset("episodes/stream", data=["x" * 1000] * 3, dtype=h5py.string_dtype())


def elsewhere(file: h5py.File) -> None:
    other = Path(file.filename).with_suffix(".other")
    with h5py.File(other, "w") as target:
        target["uid"] = np.arange(3)
    file["episodes/uid"] = h5py.ExternalLink(str(other), "uid")


def raw_bytes_of_another_file(file: h5py.File) -> None:
    file.create_dataset("episodes/uid", shape=(2,), dtype="i8", external=[("/etc/hostname", 0, 16)])


def strange_filter(file: h5py.File) -> None:
    file.create_dataset("episodes/uid", data=np.arange(99), chunks=(99,), **hdf5plugin.Blosc())


def large_attribute(file: h5py.File) -> None:
    file.attrs["schema_version"] = np.zeros(8_000_000, np.int64)


def deep_nesting(file: h5py.File) -> None:
    group = file.require_group("episodes")
    for _ in range(300):
        group = group.create_group("n")


def loop(file: h5py.File) -> None:
    file["episodes/uid"] = file["episodes"]


def rows_steps(file: h5py.File) -> None:
    group = file.create_group(f"steps/{layout_name()}")
    group.attrs["layout"] = LAYOUT
    group.create_dataset("step", shape=(10**12,), dtype="i4", chunks=(1000,), compression="gzip")
    group["blocks/row"] = [0]


def flags_steps(file: h5py.File) -> None:
    group = file.create_group(f"steps/{layout_name()}")
    group.attrs["layout"] = LAYOUT
    group["step"] = np.arange(5, dtype=np.int32)
    group["blocks/row"] = [0]
    group.create_dataset("terminated", shape=(10**12,), dtype="i1", chunks=(1000,), **hdf5plugin.Zstd(1))


def layout_name() -> str:
    from jaxarc.records.layout import layout_digest

    return f"{layout_digest(LAYOUT):08x}"


HOSTILE: dict[Callable[[h5py.File], None], str] = {
    claimed_rows: "claims 8,000,000,000,000 bytes",
    claimed_rows_without_chunks: "claims 8,000,000,000,000 bytes",
    one_huge_text: "claims 2,000,000,000 bytes",
    many_columns: "the columns of /episodes claim 288,000,000 bytes, the limit for a file of this size is",
    large_chunk: "chunks of 2,147,483,648 bytes",
    bomb: "unpacks to 100,000,000 bytes, it should be 8,000",
    claimed_frame: "unpacks to 35,184,372,088,832 bytes",
    unequal_columns: "have several lengths: uid 3, episode 4|have several lengths: episode 4, uid 3",
    text_of_any_length: "holds object",
    elsewhere: "lies in another file",
    raw_bytes_of_another_file: "lies in another file",
    strange_filter: "HDF5 filters",
    large_attribute: "64,000,000 bytes",
    deep_nesting: "n is no dataset",
    loop: "uid is no dataset",
    rows_steps: "claims 4,000,000,000,000 bytes",
    flags_steps: "claims 1,000,000,000,000 bytes",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, list[str]]]:
    """What a reader and a doctor with a gibibyte of memory to themselves say of each file."""
    folder = tmp_path_factory.mktemp("hostile")
    for make in HOSTILE:
        with h5py.File(folder / f"{make.__name__}.h5", "w", libver="v110") as file:
            file.attrs.update(
                {"format": "jaxarc-segment", "schema_version": 1, "writer": "p000", "sequence": 1}
            )
            file.create_group("episodes")
            file.require_group("steps")
            make(file)
    script = READER.format(room=ROOM, layout=layout_name())
    paths = sorted(map(str, folder.glob("*.h5")))
    done = subprocess.run(
        [sys.executable, "-c", script, *paths],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(Path(jaxarc.__file__).parent.parent), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    said, examined = json.loads(done.stdout)
    return said, examined


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_an_absurd_file_is_refused_with_its_numbers_in_little_memory(
    answers: tuple[dict[str, str], dict[str, list[str]]], make: Callable[[h5py.File], None]
):
    """Not one of them makes the reader, the doctor or a repair ask for more than they were given."""
    said, examined = (found[make.__name__] for found in answers)
    assert f"{make.__name__}.h5" in said
    assert any(part in said for part in HOSTILE[make].split("|")), said
    assert examined


def test_a_layout_that_is_not_what_its_group_was_named_after_is_refused():
    """Text in attributes has no checksum of its own in HDF5."""
    assert layout_of(layout_name(), LAYOUT).stream == "s"
    with pytest.raises(ValueError, match="not the one that it was written with"):
        layout_of(layout_name(), LAYOUT.replace('"s"', '"t"'))
