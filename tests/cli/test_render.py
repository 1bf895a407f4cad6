"""``jaxarc render`` draws what it is asked for, the same every time, and says what it could not draw."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from painted_run import paint_episode, record_painted_run
from typer.testing import CliRunner, Result

import jaxarc
from jaxarc.cli.app import app
from jaxarc.cli.chosen_episodes import chosen_episodes
from jaxarc.cli.render import chosen_steps
from jaxarc.errors import EpisodeNotFoundError, JaxArcError, RenderError
from jaxarc.replay import ReplaySystem
from jaxarc.visualization.drawing_jobs import draw_run, usual_jobs
from jaxarc.visualization.episode_files import Drawing


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Six episodes of two to five steps; those with an even number are solved."""
    return record_painted_run(tmp_path_factory.mktemp("render"), (3, 5, 2, 4, 3, 2))


def render(run: ReplaySystem, *words: str) -> Result:
    """Type ``jaxarc render`` for a run."""
    result = CliRunner().invoke(app, ["render", str(run.run_dir), *words])
    if isinstance(result.exception, JaxArcError):
        raise result.exception
    return result


def files(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_processes_draw_what_one_draws_and_twice_is_the_same(run: ReplaySystem, tmp_path: Path) -> None:
    """A summary and every step of every episode; the bytes do not depend on who drew them, or when."""
    one, two = tmp_path / "one", tmp_path / "two"
    words = ("--format", "svg,html", "--out")
    printed = render(run, *words, str(one)).output
    drawn = files(one)
    assert sorted({name.split("/")[0] for name in drawn}) == [f"episode_{number:04d}" for number in range(6)]
    assert len(drawn) == 6 + 19 + 6
    assert "6 episodes, 31 files" in printed
    assert "6 of 6 episodes" in printed
    for jobs in ("2", "1"):
        assert render(run, *words, str(two), "--jobs", jobs).exit_code == 0
        assert files(two) == drawn


def test_without_out_the_pictures_lie_in_the_run(run: ReplaySystem, tmp_path: Path) -> None:
    """In the folders of its episodes."""
    copy = tmp_path / run.name
    shutil.copytree(run.run_dir, copy)
    render(ReplaySystem(copy), "2", "--steps", "none")
    assert [path.name for path in (copy / "episodes" / "episode_0002").iterdir()] == ["summary.svg"]


def test_every_format_has_its_file(run: ReplaySystem, tmp_path: Path) -> None:
    """Stills of the summary and the steps, and films and a page of the whole episode."""
    render(run, "2", "--format", "svg,png,pdf,gif,mp4,html", "--out", str(tmp_path), "--quality", "low")
    names = set(files(tmp_path / "episode_0002"))
    stills = {
        f"{stem}.{kind}" for stem in ("summary", "step_000", "step_001") for kind in ("svg", "png", "pdf")
    }
    assert names == stills | {"episode.gif", "episode.mp4", "replay.html"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("1", "3-4"), [1, 3, 4]),
        (("episode_0002,p000-5",), [2, 5]),
        (("--where", "success", "--sort", "-episode", "--limit", "2"), [2, 4]),
        (("0-4", "--where", "total_steps > 3"), [1, 3]),
    ],
)
def test_episodes_are_chosen_by_number_range_name_and_question(
    run: ReplaySystem, tmp_path: Path, words: tuple[str, ...], expected: list[int]
) -> None:
    """Numbers and a question together mean what is both."""
    assert render(run, *words, "--steps", "none", "--out", str(tmp_path)).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"episode_{n:04d}" for n in expected]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [("all", [0, 1, 2, 3, 4]), ("key", [0, 1, 2, 3, 4]), ("none", []), ("1,3-4", [1, 3, 4])],
)
def test_steps_are_chosen(run: ReplaySystem, tmp_path: Path, steps: str, expected: list[int]) -> None:
    """All, those that the summary shows, none, or a list; the summary is there in any case."""
    render(run, "1", "--steps", steps, "--out", str(tmp_path))
    names = {"summary.svg", *(f"step_{step:03d}.svg" for step in expected)}
    assert set(files(tmp_path / "episode_0001")) == names


@pytest.mark.parametrize(
    "look",
    [
        ("--palette", "colorblind"),
        ("--theme", "dark"),
        ("--digits",),
        ("--coordinates",),
        ("--quality", "low"),
    ],
)
def test_every_look_changes_the_pictures(run: ReplaySystem, tmp_path: Path, look: tuple[str, ...]) -> None:
    """No option is without effect."""
    common = ("2", "--steps", "0", "--format", "png", "--out")
    render(run, *common, str(tmp_path / "plain"))
    render(run, *common, str(tmp_path / "changed"), *look)
    assert files(tmp_path / "plain") != files(tmp_path / "changed")


def test_one_that_fails_is_told_and_the_others_are_drawn(run: ReplaySystem, tmp_path: Path) -> None:
    """Exit code 1, the number and the reason."""
    (tmp_path / "episode_0001").write_text("in the way")
    result = render(run, "--out", str(tmp_path), "--steps", "none")
    assert result.exit_code == 1
    assert "episode 1 failed: StorageError" in result.output
    assert "5 episodes, 5 files" in result.output
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 5


def test_episodes_without_observations_are_left_out_and_told(tmp_path: Path) -> None:
    """Where nothing else is asked for it is no failure; by name it is."""
    settings = {"capture": {"level": "verbose"}, "storage": {"base_output_dir": str(tmp_path / "runs")}}
    with jaxarc.Recorder({**settings, "visualization": {"live": {"enabled": False}}}) as recorder:
        paint_episode(recorder, 2, observed=False)
        paint_episode(recorder, 2, stream="eval")
    assert recorder.run_dir is not None
    run = ReplaySystem(recorder.run_dir)
    for words, code, drawn in (((), 0, 1), (("0",), 1, 0)):
        out = tmp_path / f"out{code}"
        result = render(run, *words, "--steps", "none", "--out", str(out))
        assert (result.exit_code, len(list(out.rglob("*.svg")))) == (code, drawn)
        assert "episode 0 left out: observation was not recorded" in result.output


@pytest.mark.parametrize("words", ["7-5", "x", "1;2", "-3"])
def test_steps_that_cannot_be_understood_are_refused(words: str) -> None:
    """The message says what can."""
    with pytest.raises(RenderError, match="all, key, none"):
        chosen_steps(words)


@pytest.mark.parametrize("name", ["17", "x", "4-2", "p003-1", "7-9"])
def test_an_episode_that_is_not_there_is_an_error(run: ReplaySystem, name: str) -> None:
    """Also a range without any."""
    with pytest.raises(EpisodeNotFoundError):
        chosen_episodes(run, [name])


def test_a_range_that_ends_before_it_begins_is_named(run: ReplaySystem) -> None:
    """It is turned round in the answer, and not taken for steps that were not stored."""
    with pytest.raises(EpisodeNotFoundError, match="did you mean 1-3"):
        chosen_episodes(run, ["3-1"])


def test_few_episodes_need_no_process_of_their_own() -> None:
    """Starting one takes longer than drawing ten episodes."""
    assert usual_jobs(1) == usual_jobs(20) == 1
    assert usual_jobs(10_000) >= 1


def test_drawing_in_processes_imports_no_jax() -> None:
    """Nor Hydra: a process starts in a moment and is small."""
    program = (
        "import sys, jaxarc.cli.render, jaxarc.visualization.drawing_jobs;"
        "print({'jax', 'hydra', 'matplotlib', 'plotly'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.long
def test_a_process_that_dies_is_an_error_with_a_way_out(run: ReplaySystem, tmp_path: Path) -> None:
    """It is killed, as for want of memory: no picture is half there."""

    def kill(_: object) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    with pytest.raises(RenderError, match="--jobs 1"):
        draw_run(run, [(0, n) for n in range(6)] * 40, Drawing(), out=tmp_path, jobs=2, progress=kill)
    assert not list(tmp_path.rglob("*.svg.partial"))


def test_ctrl_c_while_processes_begin_prints_no_traceback(tmp_path: Path) -> None:
    """Each takes a while to import what it needs: Ctrl-C is its parent's business from the very first."""
    run = record_painted_run(tmp_path, (40,) * 30)
    program = (
        "import multiprocessing, os, signal, threading, time\n"
        "from pathlib import Path\n"
        "from jaxarc.replay import ReplaySystem\n"
        "from jaxarc.visualization.drawing_jobs import draw_run\n"
        "from jaxarc.visualization.episode_files import Drawing\n"
        "def interrupt():\n"
        "    while not multiprocessing.active_children():\n"
        "        time.sleep(0.001)\n"
        "    time.sleep(0.15)\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "if __name__ == '__main__':\n"
        f"    run = ReplaySystem({str(run.run_dir)!r})\n"
        "    threading.Thread(target=interrupt).start()\n"
        f"    out = Path({str(tmp_path / 'out')!r})\n"
        "    episodes = [(0, n) for n in range(30)]\n"
        "    print(draw_run(run, episodes * 100, Drawing(), out=out, jobs=2).was_stopped)\n"
    )
    (tmp_path / "program.py").write_text(program)
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert (ran.stdout.strip(), ran.stderr) == ("True", "")


def test_ctrl_c_ends_it_with_whole_files_only(tmp_path: Path) -> None:
    """Processes end, no file is half there, and it says what was not drawn."""
    run = record_painted_run(tmp_path, (40,) * 30)
    out = tmp_path / "out"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("JAXARC_", "XLA_"))}
    child = subprocess.Popen(
        [sys.executable, "-m", "jaxarc", "render", str(run.run_dir), "--jobs", "2", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while not list(out.rglob("*.svg")) and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGINT)
    printed, _ = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "stopped" in printed
    assert not list(out.rglob("*.partial"))
    assert all(path.read_bytes().endswith(b"</svg>\n") for path in out.rglob("*.svg"))
