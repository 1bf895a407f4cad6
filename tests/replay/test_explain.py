"""Episodes explain themselves: each way to go wrong has a name, words, numbers and the steps that show it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explained_run import EPISODES, NUMBERS, record_explained_run
from remembered import counting_episode, episode_of, journal_of, remember

import jaxarc
from jaxarc.errors import EpisodeNotFoundError, NotRecordedError, ReplayError
from jaxarc.records.table import EpisodeRow
from jaxarc.replay import ReplaySystem
from jaxarc.replay.explain import explain_episode
from jaxarc.replay.explanation import CAUSES, FACTS, Explanation


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Episodes that each go wrong in a way of their own."""
    return record_explained_run(tmp_path_factory.mktemp("explained"))


@pytest.mark.parametrize(
    ("name", "kind", "numbers", "steps"),
    [
        ("slow", "solved_at", {"right_at": 0, "submitted_at": 4, "lost_steps": 3}, (0, 4)),
        ("slow", "no_effect", {"steps": 3, "of": 4}, (1, 2, 3)),
        ("solved", "solved_at", {"submitted_at": 2, "lost_steps": 0}, (2,)),
        ("wrong", "wrong_submission", {"submitted_at": 2}, (2,)),
        ("wrong", "undone", {"best_step": 0, "lost_at": 1}, (0, 1)),
        ("wrong", "colours_extra", {"colours": [2]}, (2,)),
        ("wrong", "cells_wrong", {"cells": 3, "of": 9, "rows": [0, 1], "columns": [0, 2]}, (2,)),
        ("silent", "never_submitted", {"total_steps": 3}, ()),
        ("right", "right_but_not_submitted", {"right_at": 0, "steps_right": 1}, (0,)),
        ("size", "wrong_size", {"size": [2, 2], "target_size": [3, 3]}, (1,)),
        ("size", "colours_missing", {"colours": [1]}, (1,)),
        ("loop", "loops", {"returns": 7, "period": 2}, (1, 2, 3, 4, 5, 6, 7)),
        ("late", "truncated_while_improving", {"over_steps": 1}, (3,)),
        ("cut", "ended", {"ended": "cut", "total_steps": 1}, ()),
    ],
)
def test_what_went_wrong_is_found(
    run: ReplaySystem, name: str, kind: str, numbers: dict[str, Any], steps: tuple[int, ...]
) -> None:
    """With its numbers and the steps that show it."""
    finding = run.explain(NUMBERS[name])[kind]
    assert {key: finding.numbers[key] for key in numbers} == numbers
    assert finding.steps == steps
    assert finding.words.endswith(".")


def test_nothing_is_found_that_is_not_there(run: ReplaySystem) -> None:
    """A quick solution has no causes, and a wrong answer was submitted."""
    assert run.explain(NUMBERS["solved"]).causes == ()
    assert "never_submitted" not in run.explain(NUMBERS["wrong"])
    assert "never_submitted" not in run.explain(NUMBERS["cut"]), "it might have been submitted later"
    assert "loops" not in run.explain(NUMBERS["silent"])
    with pytest.raises(KeyError, match="was not found in episode 0"):
        run.explain(0)["loops"]


def test_the_most_telling_cause_comes_first(run: ReplaySystem) -> None:
    """Causes in the order of their list, then facts."""
    for number in range(len(EPISODES)):
        said = run.explain(number)
        kinds = [finding.kind for finding in said.findings if finding.is_cause]
        assert kinds == [kind for kind in CAUSES if kind in kinds] + [k for k in kinds if k not in CAUSES]
        assert {finding.kind for finding in said.findings} <= {*CAUSES, *FACTS}
    assert run.explain(NUMBERS["right"]).causes[0].kind == "right_but_not_submitted"


def test_an_explanation_says_itself_in_text_html_and_json(run: ReplaySystem) -> None:
    """The same findings everywhere, and text from outside stays text."""
    said = run.explain(NUMBERS["right"])
    assert str(said).startswith("episode 4 of task b: not solved\n• The board was right after step 0")
    assert "<li>The board was right after step 0" in said._repr_html_()
    document = json.loads(json.dumps(said.to_dict()))
    assert [finding["kind"] for finding in document["findings"]] == [each.kind for each in said.findings]
    hostile = Explanation("<b>", "not solved", "<script>", said.findings)
    assert "<script>" not in hostile._repr_html_()
    assert "<b>" not in hostile._repr_html_()


def test_what_many_have_in_common_is_counted(run: ReplaySystem) -> None:
    """Causes of the unsolved ones with their share and examples; what was cut is no failure."""
    table = run.explain()
    assert (table.num_episodes, table.num_solved, table.num_unended, table.num_explained) == (9, 2, 1, 6)
    assert table["cells_wrong"].episodes == 6
    assert table["never_submitted"].share == pytest.approx(4 / 6)
    assert table["never_submitted"].examples == ("3", "6", "7", "4")
    assert sum(cause.first for cause in table) + table.num_without == table.num_explained
    assert table.causes[0].kind == "cells_wrong"
    lines = str(table).split("\n")
    assert lines[0].endswith("9 episodes, 2 solved, 1 cut or running, 6 explained")
    assert "<td>never submitted</td>" in table._repr_html_()
    assert json.loads(json.dumps(table.to_dict()))["causes"][0]["kind"] == "cells_wrong"


def test_episodes_are_chosen_by_task_by_expression_and_by_number(run: ReplaySystem) -> None:
    """Of more than a limit some that are evenly spread, which is said."""
    assert run.explain(task="a").num_episodes == 3
    assert run.explain(where="total_steps == 2").num_explained == 1
    assert run.explain(task="a", where="total_steps > 3").num_episodes == 1
    some = run.explain(limit=2)
    assert some.num_explained == 2
    assert "Of 6 episodes 2 were looked at" in str(some)
    with pytest.raises(NotRecordedError, match="no episode of task 'c'"):
        run.explain(task="c")
    with pytest.raises(EpisodeNotFoundError):
        run.explain(99)
    with pytest.raises(ReplayError, match="not both"):
        run.explain(1, task="a")  # pyright: ignore[reportCallIssue]
    with pytest.raises(ReplayError, match="at least 1"):
        run.explain(limit=0)


def test_where_no_steps_are_stored_only_the_row_is_explained(tmp_path: Path) -> None:
    """What the row says is said, and why there is no more."""
    minimal = record_explained_run(tmp_path, level="minimal")
    said = minimal.explain(NUMBERS["right"])
    assert said.outcome == "not solved", "others show that the program says which succeed"
    assert [cause.kind for cause in said.causes] == ["undone"]
    assert said.unknown[0].startswith("Only its row can be explained: reward was not recorded")
    table = minimal.explain()
    assert table["undone"].episodes == 3
    assert "only their rows can be explained" in str(table)
    assert table.num_without == 3


def of(kind: str, count: int, **trees: Any) -> Any:
    """An episode that ended, of arrays."""
    rewards = trees.pop("rewards", None)
    total = trees.pop("total", count)
    episode = episode_of(total, remember(kind, range(count), trees, rewards=rewards))
    episode.row = EpisodeRow({**episode.row, "success": False, "stored_steps": count})
    return episode


def test_episodes_of_any_environment_are_explained() -> None:
    """Vectors, discrete actions, rewards: no effect, constant actions, rewards that never change or drop."""
    still = explain_episode(of("steps", 8, observation=np.zeros((8, 4)), action=np.full(8, 3)))
    assert still["no_effect"].numbers["share"] == 1.0
    assert still["constant_action"].words == "The same action (action 3) in all 8 steps."
    assert still["reward_never_changed"].numbers == {"reward": 0.0}
    rewards = np.array([1.0] * 9 + [-50.0])
    fallen = explain_episode(
        of("steps", 10, observation=np.arange(10.0), action=np.arange(10), rewards=rewards)
    )
    assert fallen["reward_drop"].steps == (9,)
    assert fallen["return_lost"].numbers["best_step"] == 8
    assert "The last observation was lost" in " ".join(fallen.unknown)
    assert "does not say which episodes succeed" in " ".join(fallen.unknown)
    walk = np.where(np.arange(20) < 15, 1, 0)
    assert explain_episode(of("steps", 20, action=walk))["one_action_dominates"].numbers["share"] == 0.75


def test_numbers_that_are_not_finite_are_named_with_their_first_step() -> None:
    """In observations and rewards."""
    values = np.zeros((6, 2))
    values[4, 1] = np.nan
    said = explain_episode(of("steps", 6, observation={"x": values}, rewards=[0, 0, np.inf, 0, 0, 0]))
    assert said["not_finite"].numbers["first_steps"] == {"observation.x": 4, "reward": 2}
    assert said.causes[0].kind == "not_finite"


def test_a_journal_is_explained_as_far_as_it_goes() -> None:
    """Actions and rewards are there; observations are not, and that is said."""
    journal = episode_of(6, journal_of(np.arange(6.0), np.zeros(6, np.int32), rewards=np.ones(6)))
    journal.row = EpisodeRow({**journal.row, "success": False})
    said = explain_episode(journal)
    assert "constant_action" in said
    assert any("Observations were not recorded" in sentence for sentence in said.unknown)


def test_of_some_steps_nothing_is_said_about_the_others() -> None:
    """Gaps are named, and no step after a gap counts as one without effect."""
    episode = counting_episode([0, 1, 50, 51], observation={1: 0.0, 50: 0.0})
    episode.row = EpisodeRow({**episode.row, "success": False})
    said = explain_episode(episode)
    assert said["no_effect"].numbers == {"steps": 1, "of": 2, "share": 0.5}
    assert any("4 of its 52 steps are stored" in sentence for sentence in said.unknown)


def test_a_recorded_run_of_real_tasks_is_explained(arc_run: ReplaySystem) -> None:
    """Its painter solves what it is given; steps lost in solved episodes are the only causes."""
    assert all(arc_run.explain(row).outcome == "solved" for row in arc_run.episodes("success", limit=4))
    assert jaxarc.open(arc_run.run_dir).explain(where="success").causes == ()
