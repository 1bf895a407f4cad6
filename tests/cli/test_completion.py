"""What a shell is offered when Tab is pressed: driven as bash, zsh and fish drive it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import typed_in

from jaxarc.cli import completions
from jaxarc.export import EXPORT_FORMATS
from jaxarc.rendering.palette import PALETTES, THEMES
from jaxarc.replay import ReplaySystem
from jaxarc.visualization.episode_files import FORMATS


@pytest.fixture(scope="module")
def folder(arc_run: ReplaySystem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs where the command line looks for them; one has an odd name."""
    folder = tmp_path_factory.mktemp("tab")
    below = folder / "outputs" / "episodes" / "default"
    below.mkdir(parents=True)
    (below / arc_run.name).symlink_to(arc_run.run_dir)
    odd = below / "odd $(touch pwned);`touch pwned`"
    odd.mkdir()
    shutil.copy(arc_run.run_dir / "run.json", odd / "run.json")
    return folder


def tab(folder: Path, line: str, shell: str = "bash") -> list[str]:
    """Return what is offered at the end of a line."""
    asked = {"_JAXARC_COMPLETE": f"complete_{shell}"}
    if shell == "bash":
        asked |= {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - (not line.endswith(" ")))}
    else:
        asked |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = typed_in(folder, **asked)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_commands_runs_and_episodes_are_offered(folder: Path, arc_run: ReplaySystem) -> None:
    """The runs below the root, the last one first; the episodes with stored steps, in their order."""
    assert tab(folder, "jaxarc re") == ["replay", "render", "report", "reel"]
    assert tab(folder, "jaxarc show ") == ["latest", arc_run.name]
    assert tab(folder, "jaxarc show latest~") == ["latest~1"]
    stored = [str(number) for number in sorted(arc_run.episodes("stored_steps > 0")["episode"].tolist())]
    assert tab(folder, f"jaxarc show {arc_run.name} ") == stored
    assert tab(folder, f"jaxarc render {arc_run.name[:-2]} 0 1") == [n for n in stored if n.startswith("1")]
    assert tab(folder, f"jaxarc compare {arc_run.name} : ") == stored
    assert tab(folder, f"jaxarc compare {arc_run.name}:", "fish") == [f"{arc_run.name}:{n}" for n in stored]


def test_columns_and_conditions_are_those_of_the_run(folder: Path, arc_run: ReplaySystem) -> None:
    """Metrics among them; a minus sorts downwards, and commas part columns."""
    known = set(arc_run.episodes().columns)
    assert set(tab(folder, f"jaxarc ls {arc_run.name} --sort ")) <= known
    assert tab(folder, f"jaxarc ls {arc_run.name} --sort success,-similarity_l") == [
        "success,-similarity_last"
    ]
    assert tab(folder, f"jaxarc ls {arc_run.name} --sort -total_r") == ["-total_reward"]
    assert tab(folder, f"jaxarc ls {arc_run.name} --where simil")[0].startswith("similarity_")
    assert tab(folder, "jaxarc ls nothing --sort total_") == ["total_steps", "total_reward"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("jaxarc render latest --palette ", list(PALETTES)),
        ("jaxarc render latest --theme ", list(THEMES)),
        ("jaxarc render latest --format ", list(FORMATS)),
        ("jaxarc render latest --format svg,p", ["svg,png", "svg,pdf"]),
        ("jaxarc export latest --format ", list(EXPORT_FORMATS)),
        ("jaxarc rollout visualization=debug_s", ["visualization=debug_standard"]),
        ("jaxarc rollout visualization = debug_s", ["debug_standard"]),
        ("jaxarc show --root /nowhere ", []),
        ("jaxarc show latest~99999999 ", []),
        ("jaxarc show ./out", []),
    ],
)
def test_names_are_those_that_the_commands_take(folder: Path, line: str, offered: list[str]) -> None:
    """None is missing and none is made up; a path is left to the shell."""
    assert tab(folder, line) == offered


def test_a_task_is_offered_to_reel(folder: Path, arc_run: ReplaySystem) -> None:
    """Of those that the run met."""
    offered = tab(folder, f"jaxarc reel {arc_run.name} --task ")
    assert set(offered) == set(arc_run.episodes().text("task_id"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_name_that_a_shell_would_run_is_not_offered(folder: Path, shell: str) -> None:
    """zsh evaluates what it is given."""
    assert "touch" not in "".join(tab(folder, "jaxarc show ", shell))


def test_what_cannot_be_read_is_not_offered_and_not_told(tmp_path: Path) -> None:
    """A damaged index, a run file that is none: nothing may be printed between two keys."""
    run_dir = tmp_path / "outputs" / "episodes" / "broken"
    run_dir.mkdir(parents=True)
    (run_dir / "run.json").write_text("{")
    (run_dir / "index.h5").write_bytes(b"\0" * 100)
    assert tab(tmp_path, "jaxarc show ") == ["latest", "broken"]
    assert tab(tmp_path, "jaxarc show broken ") == []
    assert "total_reward" in tab(tmp_path, "jaxarc ls broken --sort ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_is_shown(tmp_path: Path, shell: str) -> None:
    """It asks the command of this name."""
    shown = typed_in(tmp_path, "--show-completion", SHELL=f"/bin/{shell}", _JAXARC_COMPLETE=f"source_{shell}")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"_JAXARC_COMPLETE=complete_{shell}" in shown.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes(folder: Path, arc_run: ReplaySystem) -> None:
    """The script is loaded by a real bash, which asks a real process; JAX is not imported for it."""
    script = typed_in(folder, _JAXARC_COMPLETE="source_bash").stdout
    binary = folder / "jaxarc"
    program = (
        f"#!{sys.executable}\nimport sys\nfrom jaxarc.cli import main\n"
        "try: main()\nfinally: assert 'jax' not in sys.modules\n"
    )
    binary.write_text(program)
    binary.chmod(0o755)
    asked = (
        f"{script}\nCOMP_WORDS=(jaxarc show {arc_run.name} 1); COMP_CWORD=3\n"
        '_jaxarc_completion jaxarc; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", asked],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "1"


def test_the_columns_that_every_run_has_are_known(arc_run: ReplaySystem) -> None:
    """Those that are offered before there is a run to ask."""
    assert set(completions._COLUMNS) <= set(arc_run.episodes().columns)
