"""Runs that are none, or not whole: every command that reads says so in a sentence, without a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import typed_in

from jaxarc.replay import ReplaySystem

READING = {
    "ls": "ls RUN",
    "show": "show RUN",
    "show episode": "show RUN 0",
    "replay": "replay RUN 0",
    "page": "replay RUN 0 --html OUT/a.html",
    "compare": "compare RUN:0 RUN:1 --out OUT/a.svg",
    "reel": "reel RUN --out OUT/a.svg",
    "render": "render RUN 0 --format svg --steps none --out OUT",
    "report": "report RUN --out OUT/b.html",
    "doctor": "doctor RUN",
    "export": "export RUN --format jsonl --out OUT/a.jsonl",
    "clean": "clean RUN --dry-run",
    "tasks": "tasks RUN",
    "explain": "explain RUN",
    "diff": "diff RUN:0 RUN:1",
    "aggregate": "aggregate RUN",
}


def nothing(run_dir: Path) -> None:
    """A folder without anything in it."""
    shutil.rmtree(run_dir)
    run_dir.mkdir()


def a_file(run_dir: Path) -> None:
    """A file where a folder is expected."""
    shutil.rmtree(run_dir)
    run_dir.write_text("episodes")


def half_deleted(run_dir: Path) -> None:
    """The steps are gone, and so is the index."""
    shutil.rmtree(run_dir / "steps")
    (run_dir / "index.h5").unlink()


def of_the_future(run_dir: Path) -> None:
    """Written by a version that this one does not know."""
    said = json.loads((run_dir / "run.json").read_text())
    (run_dir / "run.json").write_text(json.dumps({**said, "schema_version": 999}))


def of_another_program(run_dir: Path) -> None:
    """A ``run.json`` that somebody else wrote, beside files of theirs."""
    nothing(run_dir)
    (run_dir / "run.json").write_text(json.dumps(["not", "ours"]))
    (run_dir / "steps").mkdir()
    (run_dir / "steps" / "p000-000001.h5").write_bytes(b"PK\x03\x04")


def scrambled(run_dir: Path) -> None:
    """Every file has bytes of something else."""
    for path in run_dir.rglob("*"):
        if path.is_file():
            path.write_bytes(os.urandom(512))


WHAT_HAPPENED: list[Callable[[Path], None]] = [
    nothing,
    a_file,
    half_deleted,
    of_the_future,
    of_another_program,
    scrambled,
]


@pytest.mark.parametrize("happened", WHAT_HAPPENED, ids=lambda happened: happened.__name__)
def test_every_command_that_reads_answers_in_words(
    arc_run: ReplaySystem, tmp_path: Path, happened: Callable[[Path], None]
) -> None:
    """Whatever can still be read is shown; what is not there is a mistake, never a traceback."""
    for name, line in READING.items():
        run_dir, out = tmp_path / f"{name} {arc_run.name}", tmp_path / "out"
        shutil.copytree(arc_run.run_dir, run_dir)
        out.mkdir(exist_ok=True)
        happened(run_dir)
        words = [word.replace("RUN", str(run_dir)).replace("OUT", str(out)) for word in line.split()]
        done = typed_in(tmp_path, *words)
        assert done.returncode in (0, 1, 2), (line, done)
        assert "Traceback" not in done.stderr
        if done.returncode == 2 and not done.stdout:
            assert done.stderr.startswith("error: "), (line, done.stderr)
        if happened in (nothing, a_file) and name != "clean":
            assert done.returncode == 2, (line, done)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ls RUN --where total_rewrd>1", "total_reward"),
        ("ls RUN --where __import__('os')", "error: "),
        ("ls RUN --where 9**9**9>1", "error: "),
        ("ls RUN --sort -total_rewrd", "total_reward"),
        ("ls RUN --columns ,", "names no column"),
        ("ls RUN --steps --where rewrd>0", "did you mean reward?"),
        ("pin RUN 99", "has no episode 99"),
        ("show RUN 99999999999999999999", "error: "),
        ("show RUN -- -1", "error: "),
        ("show RUN 0 --step 99", "stored steps"),
        ("render RUN 0 --steps 1000 --out OUT", "--steps names no stored step of episode 0"),
        ("render RUN 0 --format bmp --out OUT", "bmp"),
        ("compare RUN:0 RUN:x", "'x' names no episode"),
        ("reel RUN --task nothing", "nothing"),
        ("export RUN --format excel", "excel"),
        ("replay RUN 5-2", "did you mean 2-5?"),
        ("replay RUN --json", "--html"),
        ("report RUN --theme neon", "neon"),
    ],
)
def test_a_mistake_in_an_argument_is_one_message(
    arc_run: ReplaySystem, tmp_path: Path, line: str, words: str
) -> None:
    """On stderr, with exit code 2, and nothing is written."""
    typed = [word.replace("RUN", str(arc_run.run_dir)).replace("OUT", str(tmp_path)) for word in line.split()]
    done = typed_in(tmp_path, *typed)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_mistyped_run_names_the_closest(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """And control characters of a name that is typed do not come back raw."""
    root = arc_run.run_dir.parents[1]
    mistyped = arc_run.name[:-1] + ("0" if arc_run.name[-1] != "0" else "1")
    assert f"did you mean {arc_run.name}?" in typed_in(tmp_path, "show", mistyped, "--root", root).stderr
    assert "did you mean latest?" in typed_in(tmp_path, "show", "lates", "--root", root).stderr
    assert "\x1b" not in typed_in(tmp_path, "show", "\x1b[31mred", "--root", root).stderr


def test_a_pipe_without_a_reader_ends_it_silently(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """``jaxarc ls RUN | head -1``: as the shell's own tools, 141 and not a word."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "jaxarc", "ls", str(arc_run.run_dir)],
        stdout=write,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_run_that_may_not_be_read_says_so(arc_run: ReplaySystem, tmp_path: Path) -> None:
    """Who is not allowed gets a sentence, not a traceback."""
    run_dir = tmp_path / arc_run.name
    shutil.copytree(arc_run.run_dir, run_dir)
    for path in (run_dir / "steps").iterdir():
        path.chmod(0)
    (run_dir / "index.h5").unlink()
    for folder in (*tmp_path.parents, tmp_path)[:-1]:
        if str(folder).startswith("/tmp/") and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    tmp_path.chmod(0o755)
    program = (
        "import sys, os\nfrom jaxarc.cli import main\nimport jaxarc.cli.app, jaxarc.cli.show, jaxarc.replay\n"
        "import jaxarc.cli.listing, jaxarc.rendering\n"
        f"os.setgid(65534); os.setuid(65534); sys.argv = ['jaxarc', 'show', {str(run_dir)!r}, '0']\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
