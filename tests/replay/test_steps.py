"""Stored steps as rows: which there are, what can be asked about them, and what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from arc_run import record_arc_run
from damage import run_of_segments, truncate
from odd_run import record_odd_run
from recording import config, light_step, read

from jaxarc import Recorder, Step
from jaxarc.errors import DamagedFileError, NotRecordedError, QueryError
from jaxarc.replay import ReplaySystem, steps
from jaxarc.replay.step_columns import StepLeaf
from jaxarc.storage import keep_segments_open, segment_files


@pytest.fixture(scope="module")
def arc(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Episodes of two ARC tasks, every step stored."""
    return record_arc_run(tmp_path_factory.mktemp("arc"))


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Odd dtypes and shapes at level full, with a journal."""
    return record_odd_run(tmp_path_factory.mktemp("odd"))


@keep_segments_open()
def slowly(run: ReplaySystem) -> list[dict[str, Any]]:
    """Return every stored step of a run, read episode by episode."""
    found = []
    for row in run.episodes(sort="writer,episode"):
        if not row.stored_steps:
            continue
        episode = run.load_episode(row)
        for position, step in enumerate(episode.step.tolist()):
            found.append(
                {
                    "episode": row.episode,
                    "task_id": row.task_id,
                    "step": step,
                    "reward": episode.reward[position],
                    "terminated": episode.terminated[position],
                    "success": episode.step_success[position],
                    **{name: values[position] for name, values in episode.metrics.items()},
                    "action.operation": episode.action["operation"][position],
                    "total_steps": row.total_steps,
                    "episode.success": row.success,
                }
            )
    return found


@pytest.mark.parametrize("at_once", [1, 7, 1 << 16])
def test_every_stored_step_is_a_row(
    arc: ReplaySystem, odd: ReplaySystem, at_once: int, monkeypatch: pytest.MonkeyPatch
):
    """By episode and step, as the episodes themselves say; whatever the size of the batches."""
    monkeypatch.setattr(steps, "_STEPS_AT_ONCE", at_once)
    for run in (arc, odd):
        expected = slowly(run)
        table = run.steps()
        assert len(table) == len(expected)
        for name in expected[0]:
            values = table.text(name) if table[name].dtype.kind == "S" else table[name]
            np.testing.assert_array_equal(values, [row[name] for row in expected], err_msg=name)


CONDITIONS = [
    ("reward > 0.2", lambda row: row["reward"] > np.float32(0.2)),
    ("success", lambda row: row["success"]),
    ("episode.success and not terminated", lambda row: row["episode.success"] and not row["terminated"]),
    ("task_id == '25d8a9c8' and step == 1", lambda row: row["task_id"] == "25d8a9c8" and row["step"] == 1),
    (
        "total_steps > 3 and action.operation == 34",
        lambda row: row["total_steps"] > 3 and row["action.operation"] == 34,
    ),
    (
        "step == total_steps - 1 or similarity < 0.5",
        lambda row: row["step"] == row["total_steps"] - 1 or row["similarity"] < 0.5,
    ),
    ("total_steps > 99", lambda row: False),
    ("True", lambda row: True),
    ("metrics.similarity >= 1", lambda row: row["similarity"] >= 1),
    (
        "episode in [1, 3] and (reward > 1 or step < 1)",
        lambda row: row["episode"] in (1, 3) and (row["reward"] > 1 or row["step"] < 1),
    ),
]


@pytest.mark.parametrize(("where", "holds"), CONDITIONS, ids=[where for where, _ in CONDITIONS])
def test_a_condition_selects_steps(arc: ReplaySystem, where: str, holds: Any):
    """On columns of the step and of its episode."""
    expected = [(row["episode"], row["step"]) for row in slowly(arc) if holds(row)]
    table = arc.steps(where)
    assert list(zip(table["episode"].tolist(), table["step"].tolist(), strict=True)) == expected
    limited = arc.steps(where, limit=2)
    assert list(zip(limited["episode"].tolist(), limited["step"].tolist(), strict=True)) == expected[:2]


def test_steps_are_sorted_and_limited(arc: ReplaySystem):
    """By any column, those of episodes and those that are not listed too."""
    rows = slowly(arc)
    table = arc.steps(sort="-reward,episode", limit=4)
    expected = sorted(rows, key=lambda row: (-row["reward"], row["episode"]))[:4]
    assert table["reward"].tolist() == [float(row["reward"]) for row in expected]
    assert arc.steps(sort="-total_steps", limit=1)["total_steps"].tolist() == [5]
    assert len(arc.steps(limit=0)) == 0
    assert len(arc.steps("total_steps > 99")) == 0


def test_rows_and_tables_of_other_libraries_have_the_listed_columns(odd: ReplaySystem):
    """Numbers in trees have the names that people write."""
    table = odd.steps()
    row = table.row(6)
    assert (row.episode, row.step, row["action.operation"], row["info.pair[1]"]) == (1, 1, 6, -1)
    assert repr(row).startswith("StepRow(episode=1, step=1, ")
    assert list(table.to_pandas().columns) == list(table.columns)
    assert table.to_arrow(["seed", "reward"]).to_pydict()["seed"][:2] == [40, 40]
    assert odd.resolve(row) == (0, 1)
    assert "12 steps" in repr(table)
    assert "12 steps" in table._repr_html_()


def test_numbers_in_observations_states_and_vectors_are_there_by_name(odd: ReplaySystem):
    """They are not listed, but can be asked about."""
    episode = odd.load_episode(1)
    table = odd.steps("episode == 1")
    np.testing.assert_array_equal(table["observation.seen"], episode.observation["seen"][:5])
    np.testing.assert_array_equal(table["state.time"], episode.state["time"])
    np.testing.assert_array_equal(table["observation.mask[3]"], episode.observation["mask"][:5, 3])
    np.testing.assert_array_equal(
        table["observation.half[0]"], episode.observation["half"][:5, 0].astype(np.float32)
    )
    assert odd.steps("state.time == 7")["step"].tolist() == [2]
    assert odd.steps("`observation.a/b[0]` >= 4294967295")["step"].tolist() == [0]
    assert "state.time" not in table.columns


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("truncated", r"truncated was not recorded.*Step\(truncated=…\)"),
        ("mark", r"mark was not recorded.*Step\(mark=…\)"),
        (
            "action.selection > 0",
            r"action.selection is an array of 3x3 a step.*load_episode\(n\).action has it",
        ),
        ("observation.half > 0", r"is a vector of 2 a step; ask for observation.half\[0\]"),
        ("info.pair[0] == 0", "holds complex64, which do not compare"),
        ("state.key == 1", "holds keys"),
        ("key == 1", "keys are no numbers"),
    ],
)
def test_what_was_not_stored_says_why(odd: ReplaySystem, where: str, words: str):
    """In where, in sort and of the table itself; never zeros."""
    with pytest.raises(NotRecordedError, match=words):
        odd.steps(where)
    name = where.split()[0]
    with pytest.raises(NotRecordedError, match=words):
        odd.steps(sort=f"-{name}")
    with pytest.raises(NotRecordedError, match=words):
        odd.steps()[name]


def test_a_wrong_name_is_answered_with_the_closest(arc: ReplaySystem):
    """Also below action and info."""
    with pytest.raises(QueryError, match=r"no column 'action.operatoin'; did you mean action.operation"):
        arc.steps("action.operatoin == 3")
    with pytest.raises(QueryError, match=r"no column 'rewards'; did you mean reward"):
        arc.steps()["rewards"]
    with pytest.raises(NotRecordedError, match=r"info.value was not recorded.*Step\(info=…\)"):
        arc.steps("info.value > 0")
    with pytest.raises(NotRecordedError, match=r"state.time was not recorded.*capture.level=full"):
        arc.steps("state.time > 0")


def test_a_run_without_stored_steps_says_so(tmp_path: Path):
    """The columns of its episodes are there, the table is empty."""
    with Recorder(config(tmp_path, "minimal")) as recorder:
        for time in range(5):
            recorder.tap(light_step(jnp.array([time])))
    run = read(recorder)
    assert len(run.steps()) == 0
    assert len(run.steps("total_steps > 0")) == 0
    with pytest.raises(
        NotRecordedError, match="reward is not there: the run has no stored steps: its level is minimal"
    ):
        run.steps("reward > 0")


def test_key_steps_and_journals_are_steps_too(tmp_path: Path):
    """Of an episode with key steps these count; of one with a journal alone those of the journal."""

    def record(root: Path, **capture: Any) -> ReplaySystem:
        time = jnp.arange(40)
        rows = Step(
            observation=jnp.zeros((40, 2)),
            action=time.astype(jnp.float32)[:, None] / 4,
            reward=(time == 13) * 1.0,
            terminated=time % 20 == 19,
            state={"time": time},
            key=jnp.zeros((40, 2), jnp.uint32),
        )
        with Recorder(config(root, capture={"envs": 1, **capture})) as recorder:
            recorder.record_rollout(rows)
        return read(recorder)

    run = record(tmp_path / "key", level="standard", key_steps=4)
    assert run.steps()["step"].tolist() == [*run.load_episode(0).step, *run.load_episode(1).step]
    assert run.steps("reward > 0")["step"].tolist() == [13]
    run = record(tmp_path / "journal", level="minimal", journal="all")
    table = run.steps("step > 17")
    assert table["step"].tolist() == [18, 19, 18, 19]
    assert table["action[0]"].tolist() == [4.5, 4.75, 9.5, 9.75]
    assert table["env_step"].tolist() == [18, 19, 38, 39]


def test_only_what_is_asked_about_is_read(arc: ReplaySystem, monkeypatch: pytest.MonkeyPatch):
    """Conditions on episodes read no steps; others their columns of the episodes that are left."""
    read_columns: list[tuple[str, int]] = []
    plain = StepLeaf.read

    def counting(self: StepLeaf, stored: Any, at: np.ndarray) -> np.ndarray | None:
        read_columns.append((self.role, len(at)))
        return plain(self, stored, at)

    monkeypatch.setattr(StepLeaf, "read", counting)
    table = arc.steps("task_id == '25d8a9c8' and total_steps == 3 and success", sort="-total_reward")
    num_steps = int(arc.episodes("task_id == '25d8a9c8' and total_steps == 3")["stored_steps"].sum())
    assert read_columns == [("success", num_steps)]
    del read_columns[:]
    assert len(table["reward"]) == len(table)
    assert read_columns == [("reward", len(table))]


def test_a_damaged_segment_leaves_the_steps_of_the_others(tmp_path: Path):
    """The run names it among its problems."""
    run = run_of_segments(tmp_path)
    path = segment_files(run.run_dir)[1]
    expected = len(run.steps())
    truncate(path, 0.3)
    damaged = ReplaySystem(run.run_dir)
    assert 0 < len(damaged.steps()) < expected
    assert [problem.path for problem in damaged.problems[:1]] == [path]


def test_steps_are_found_where_a_segment_was_merged_since(tmp_path: Path):
    """The run is read again; a table from before says that it is old."""
    run = run_of_segments(tmp_path)
    before = ReplaySystem(run.run_dir)
    table = before.steps()
    expected = table["reward"].tolist()
    for path in segment_files(run.run_dir):
        path.rename(path.with_name(path.name.replace("p000", "p003")))
    with pytest.raises(
        DamagedFileError, match="merged into another since these steps were looked for; ask again"
    ):
        _ = table["terminated"]
    assert before.steps()["reward"].tolist() == expected
