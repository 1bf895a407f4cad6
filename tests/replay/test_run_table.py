"""Tables of rows: shown as HTML and text, and turned into tables of other libraries."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from damage import run_of_segments

from jaxarc.errors import QueryError, ReplayError
from jaxarc.records.lazy_columns import LazyColumns
from jaxarc.records.table import encode_text
from jaxarc.replay import ReplaySystem
from jaxarc.replay.run_table import RunTable

ODD = [
    "<script>alert(1)</script>",
    'a "quoted" & long ' + "x" * 300,
    "emoji 🙂 世界",
    "\x1b[31mred\x1b[0m",
    "",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Twelve episodes of two environments."""
    return run_of_segments(tmp_path_factory.mktemp("runs"))


def odd_table() -> RunTable:
    return RunTable(
        {
            "episode": np.arange(5),
            "task_id": encode_text(ODD),
            "total_reward": np.array([0.1, np.nan, -np.inf, 1e-9, 12345678.9]),
            "success": np.array([True, False, True, False, True]),
            "<b>_last": np.arange(5) / 2,
            "uid": np.arange(5),
        }
    )


def large_table(count: int = 1_000) -> RunTable:
    return RunTable(
        {"episode": np.arange(count), "total_reward": np.arange(count) / 8}, "episode", "some-run", 2_000
    )


def test_episodes_of_a_run_are_such_a_table(run: ReplaySystem):
    """Selections say of how many they are."""
    assert run.episodes().words == f"12 episodes, {run.name} (FINISHED)"
    assert run.episodes("env_id == 1").words == f"6 of 12 episodes, {run.name} (FINISHED)"
    assert isinstance(run.episodes().take(np.array([1])), RunTable)


def test_rows_as_dicts_hold_what_rows_hold(run: ReplaySystem):
    """Python's own numbers and text; some columns where some are asked for."""
    table = run.episodes(sort="-episode", limit=2)
    assert table.to_dicts() == [dict(row) for row in table]
    assert table.to_dicts(["ended", "episode"])[0] == {"ended": table.row(0).ended, "episode": 11}
    assert large_table(0).to_dicts() == []


def test_a_pandas_table_has_every_value(run: ReplaySystem):
    """And its dtype; only the columns that are asked for are read."""
    table = run.episodes()
    frame = table.to_pandas()
    assert list(frame.columns) == table.names
    assert table.names[:3] == ["episode", "writer", "stream"]
    assert len(frame) == 12
    for name in table.columns:
        expected = table.text(name) if table[name].dtype.kind == "S" else table[name].tolist()
        np.testing.assert_array_equal(frame[name].tolist(), expected)
        assert table[name].dtype.kind == "S" or frame[name].dtype == table[name].dtype
    assert list(table.to_pandas(["total_reward", "episode"]).columns) == ["total_reward", "episode"]
    assert odd_table().to_pandas()["task_id"].tolist() == ODD


def test_an_arrow_table_has_every_value(run: ReplaySystem):
    """Text as strings, also of empty tables."""
    table = run.episodes()
    arrow = table.to_arrow()
    assert arrow.column_names == table.names
    assert str(arrow.schema.field("ended").type) == "string"
    np.testing.assert_array_equal(arrow["total_reward"].to_numpy(), table["total_reward"])
    assert odd_table().to_arrow(["task_id"]).to_pydict() == {"task_id": ODD}
    assert table.take(np.zeros(12, bool)).to_arrow().num_rows == 0


@pytest.mark.parametrize(
    ("method", "module", "extra"), [("to_pandas", "pandas", "pandas"), ("to_arrow", "pyarrow", "parquet")]
)
def test_a_library_that_is_missing_is_named_with_its_extra(
    method: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
):
    """Both are optional."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ReplayError, match=rf"{method} needs the package {module}.*jaxarc-toolkit\[{extra}\]"):
        getattr(large_table(), method)()


def test_a_column_that_does_not_exist_is_answered_with_the_closest():
    """Also where a table of another library is asked for."""
    with pytest.raises(QueryError, match=r"no column 'total_rewards'; did you mean total_reward"):
        large_table()["total_rewards"]
    with pytest.raises(QueryError, match="no column 'nothing'"):
        large_table().to_pandas(["nothing"])


def test_a_notebook_shows_the_first_rows_and_how_many_follow():
    """Numbers to the right, 20 rows at most."""
    html = large_table()._repr_html_()
    assert html.count("<tr>") == 21
    assert "1,000 of 2,000 episodes, some-run" in html
    assert "… and 980 more" in html
    assert '<td class="number">2.375</td>' in html
    assert "<script" not in html
    assert "more" not in large_table(20)._repr_html_().split("</style>")[1]
    empty = large_table(0)._repr_html_()
    assert "0 of 2,000 episodes" in empty
    assert "<thead>" not in empty


def test_text_from_outside_stays_text_in_a_notebook():
    """Names of tasks and of columns."""
    html = odd_table()._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "&lt;b&gt;_last" in html
    assert "\x1b" not in html
    assert "columns not shown: uid" in html


def test_text_fits_the_terminal(monkeypatch: pytest.MonkeyPatch):
    """Columns that have no room are named below; wide characters take two cells; nothing acts on it."""
    monkeypatch.setenv("COLUMNS", "40")
    lines = repr(large_table()).splitlines()
    assert lines[0] == "1,000 of 2,000 episodes, some-run"
    assert lines[1] == "episode  total_reward"
    assert lines[3] == "      1         0.125"
    assert lines[-1] == "… and 990 more"
    monkeypatch.setenv("COLUMNS", "60")
    text = repr(odd_table())
    assert "\x1b" not in text
    assert "not shown: success, <b>_last, uid" in text
    assert "emoji 🙂 世界" in text
    assert repr(large_table(0)) == "0 of 2,000 episodes, some-run"


def test_only_the_rows_that_are_shown_are_read(run: ReplaySystem):
    """A table of millions of rows shows itself at once."""
    table = ReplaySystem(run.run_dir).episodes()
    _ = repr(table), table._repr_html_()
    assert isinstance(table.columns, LazyColumns)
    assert len(table.columns._read) <= 1  # the type checks of these tests look at one column
