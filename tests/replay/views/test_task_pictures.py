"""A task is drawn from what its run stored, without the data set."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from arc_run import TASK_IDS

import jaxarc
from jaxarc.errors import DamagedFileError, NotRecordedError
from jaxarc.rendering import render_task
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views import task_of_episode, task_picture
from jaxarc.replay.views.task_pictures import demonstrations


@pytest.fixture
def copied(arc_run: ReplaySystem, tmp_path: Path) -> ReplaySystem:
    """A copy of the run whose files may be harmed."""
    return ReplaySystem(shutil.copytree(arc_run.run_dir, tmp_path / "copy"))


def test_the_run_holds_every_pair_of_its_tasks(arc_run: ReplaySystem) -> None:
    """Demonstration and test pairs are those of the data set."""
    tasks = jaxarc.load_tasks("arc-agi-1", "training", ids=TASK_IDS)
    for task_id in TASK_IDS:
        data = task_picture(arc_run, task_id)
        expected = tasks.ids.document(task_id)
        for part, found in (("train", data.train), ("test", data.test)):
            assert [pair.input.tolist() for pair in found] == [pair["input"] for pair in expected[part]]
            assert [pair.output.tolist() for pair in found] == [pair["output"] for pair in expected[part]]
        assert demonstrations(arc_run.run_dir, task_id)[0].input.tolist() == expected["train"][0]["input"]
        assert render_task(data).startswith("<svg")


def test_an_episode_brings_its_last_board_to_the_pair_it_played(arc_run: ReplaySystem) -> None:
    """The board is the last one, and the pair the one whose boards the episode began and was to end with."""
    for row in arc_run.episodes("stored_steps > 0"):
        episode = arc_run.load_episode(row.episode)
        data = task_of_episode(arc_run, episode)
        assert data.played is not None
        pair = (*data.train, *data.test)[data.played]
        height, width = pair.output.shape
        np.testing.assert_array_equal(np.asarray(episode.constants["target"])[:height, :width], pair.output)
        np.testing.assert_array_equal(data.last_board, np.asarray(episode.observation)[-1])


def test_an_unknown_task_is_answered_with_the_closest(arc_run: ReplaySystem) -> None:
    """The error names the run and what it may have been."""
    with pytest.raises(NotRecordedError, match=f"no task '25d8a9c0'; did you mean {TASK_IDS[0]}"):
        task_picture(arc_run, "25d8a9c0")
    assert demonstrations(arc_run.run_dir, "25d8a9c0") == ()


NO_PAIRS = {
    "no list": '{"train": 3}',
    "no input": '{"train": [{"output": [[1]]}]}',
    "a ragged board": '{"train": [{"input": [[1], [2, 3]]}]}',
    "no pair": '{"train": [7]}',
}


@pytest.mark.parametrize("text", NO_PAIRS.values(), ids=NO_PAIRS)
def test_a_document_that_holds_no_pairs_is_a_damaged_file(copied: ReplaySystem, text: str) -> None:
    """The error names the file; who only wants demonstrations gets none."""
    (copied.run_dir / "tasks" / f"{TASK_IDS[0]}.json").write_text(text)
    with pytest.raises(DamagedFileError, match=r"tasks.25d8a9c8\.json"):
        task_picture(copied, TASK_IDS[0])
    assert demonstrations(copied.run_dir, TASK_IDS[0]) == ()
