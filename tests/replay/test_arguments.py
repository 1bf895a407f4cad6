"""Odd arguments of questions: each is answered in a sentence, and none is taken for something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recording import config

import jaxarc
from jaxarc.errors import EpisodeNotFoundError, JaxArcError, QueryError, RunNotFoundError
from jaxarc.replay import ReplaySystem


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Six episodes of two tasks, of which each third one was solved."""
    folder = tmp_path_factory.mktemp("runs")
    with jaxarc.Recorder(config(folder)) as recorder:
        for number in range(6):
            with recorder.episode(task=f"it's {number % 2}") as episode:
                for step in range(2):
                    before, after = np.full(2, step), np.full(2, step + 1)
                    reward, done = float(number), step == 1
                    episode.step(
                        before, number, reward, after, terminated=done, success=done and number % 3 == 0
                    )
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir)


@pytest.mark.parametrize("limit", [-1, 2.0, float("nan"), "5", True, [1]], ids=repr)
@pytest.mark.parametrize(
    "question", ["episodes", "sorted", "steps", "compare", "verify_all", "explain", "reel", "save_html"]
)
def test_a_limit_that_is_none_is_refused_and_takes_nothing_away(
    run: ReplaySystem, question: str, limit: Any, tmp_path: Path
) -> None:
    """A negative number drops no rows at the end, and half a row is none."""
    ask = {
        "sorted": lambda: run.episodes(sort="-total_reward", limit=limit),
        "verify_all": lambda: run.verify_all(lambda state, action: state, episodes=[1, 2], limit=limit),
        "save_html": lambda: run.save_html(tmp_path / "page.html", limit=limit),
    }.get(question, lambda: getattr(run, question)(limit=limit))
    with pytest.raises(JaxArcError, match=r"^limit must be a whole number, .*got"):
        ask()


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.array], ids=["int64", "uint8", "array"])
def test_whole_numbers_of_numpy_are_taken(run: ReplaySystem, kind: Any) -> None:
    """As they come out of columns."""
    assert len(run.episodes(limit=kind(2))) == len(run.episodes(sort="episode", limit=kind(2))) == 2
    assert run.load_episode(kind(3)).episode == 3


def test_a_row_of_a_pandas_table_is_an_address(run: ReplaySystem) -> None:
    """However the row was taken out: also where pandas made floats of its numbers, or a pair of it."""
    table = run.episodes().to_pandas()
    assert run.load_episode(table.iloc[3]).episode == 3
    assert run.load_episode(table[["episode", "total_reward"]].iloc[3]).episode == 3
    assert [run.resolve(row) for row in table.itertuples()] == [(0, number) for number in range(6)]
    assert [run.resolve(row) for row in table[["episode"]].itertuples()] == [(0, n) for n in range(6)]
    assert run.load_episode(run.episodes().to_arrow().to_pylist()[4]).episode == 4


@pytest.mark.parametrize(
    "row",
    [{"episode": None}, {"episode": "3"}, {"episode": 3.5}, {"episode": float("nan")}, {"writer": 0}],
    ids=repr,
)
def test_a_row_without_a_whole_number_is_no_address(run: ReplaySystem, row: dict[str, Any]) -> None:
    """Nothing is rounded."""
    with pytest.raises(EpisodeNotFoundError, match="names no episode; give a number"):
        run.load_episode(row)  # pyright: ignore[reportArgumentType]


def test_a_row_of_another_run_is_refused(run: ReplaySystem) -> None:
    """Its number would be that of another episode here."""
    row = {"run": "another", "episode": 3}
    of_several = jaxarc.open([run.run_dir])
    listed = of_several.episodes().to_pandas().iloc[3]
    assert of_several.load_episode(listed).episode == run.load_episode(listed).episode == 3
    assert run.resolve({"run": f"default/{run.name}", "episode": 3}) == (0, 3)  # pyright: ignore[reportArgumentType]
    with pytest.raises(EpisodeNotFoundError, match="a row of run another, not of run"):
        run.load_episode(row)  # pyright: ignore[reportArgumentType]
    assert run.resolve({"run": run.name, "episode": 3}) == (0, 3)  # pyright: ignore[reportArgumentType]


def test_a_table_where_an_episode_belongs_is_named_in_a_line(run: ReplaySystem) -> None:
    """Not printed in full."""
    with pytest.raises(EpisodeNotFoundError) as raised:
        run.load_episode(run.episodes().to_pandas())  # pyright: ignore[reportArgumentType]
    assert len(str(raised.value)) < 400
    assert "\n" not in str(raised.value)


def test_a_task_is_taken_as_it_stands_in_a_column(run: ReplaySystem) -> None:
    """Columns of text hold bytes; rows and pandas hold text, NumPy its own."""
    name = run.tasks()["task_id"][1]
    assert isinstance(name, bytes)
    for task in (name, name.decode(), np.str_(name.decode())):
        assert run.explain(task=task).num_episodes == 3
        assert "it's 1" in repr(run.reel(task))
    with pytest.raises(QueryError, match="task takes text, got 7"):
        run.reel(7)  # pyright: ignore[reportArgumentType]


def test_a_condition_beside_a_task_stays_within_the_task(run: ReplaySystem) -> None:
    """Whatever brackets it has, and an error shows it as it was given."""
    assert run.explain(task="it's 1", where="success or not success").num_episodes == 3
    with pytest.raises(QueryError, match=r"\n  success\) or \(True"):
        run.explain(task="it's 1", where="success) or (True")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *[("last", value) for value in (0, 2.5, float("nan"), "3")],
        *[("reps", value) for value in (0, 2.5, None, 10**9)],
        *[("seed", value) for value in (-1, 1.5, None, "x")],
        *[("gamma", value) for value in (float("nan"), None, "x")],
        *[("confidence", value) for value in (0, 1, "x", None)],
        *[("by", value) for value in (None, 3)],
        *[("metric", value) for value in (None, 3)],
    ],
    ids=repr,
)
def test_an_option_of_aggregate_that_is_out_of_its_limits_is_named(
    run: ReplaySystem, option: str, value: Any
) -> None:
    """Also where this number would not have used it."""
    with pytest.raises(JaxArcError, match=rf"^{option} (must be|takes)"):
        run.aggregate(**{option: value})


@pytest.mark.parametrize("name", [None, 3, b"latest", [None]], ids=repr)
def test_what_is_no_name_of_a_run_is_told_so(name: Any) -> None:
    """With what would be one."""
    with pytest.raises(RunNotFoundError, match="names no run; give a path, a run's name, or latest"):
        jaxarc.open(name)


@pytest.mark.parametrize("text", [None, 3, ["a"]], ids=repr)
def test_a_note_is_text(run: ReplaySystem, text: Any) -> None:
    """And nothing is written where it is not."""
    with pytest.raises(QueryError, match="a note takes text, got"):
        run.note(text)
    assert run.notes() == []


@pytest.mark.parametrize(
    "name", [None, 3, ["episode", "task_id"], np.ones(6, bool)], ids=["None", "3", "list", "mask"]
)
def test_what_is_no_column_is_answered_with_what_takes_it(run: ReplaySystem, name: Any) -> None:
    """Of episodes and of steps alike."""
    for table in (run.episodes(), run.steps()):
        with pytest.raises(QueryError, match=r"takes the name of a column, got .*table\.take\(mask\)"):
            table[name]


def test_text_is_text_in_a_pandas_table_without_rows(run: ReplaySystem) -> None:
    """So what is asked of it works on an empty answer too."""
    some, none = (run.episodes(where).to_pandas() for where in ("episode == 1", "episode == 99"))
    assert none["task_id"].str.startswith("it").tolist() == []
    assert [str(kind) for kind in none.dtypes] == [str(kind) for kind in some.dtypes]


def test_rows_are_taken_by_positions_or_by_a_mask_of_their_number(run: ReplaySystem) -> None:
    """A mask of another length is refused, and so are numbers that are no positions."""
    assert run.episodes().take(np.array([1, 4]))["episode"].tolist() == [1, 4]
    assert len(run.episodes().take(np.array([]))) == 0
    with pytest.raises(ValueError, match="the mask has 5 entries, the table has 6 rows"):
        run.episodes().take(np.ones(5, bool))
    with pytest.raises(TypeError, match="take needs positions or a mask"):
        run.episodes().take(np.ones(6))
