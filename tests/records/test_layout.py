"""A layout means the same in every process, and survives JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.records.chunk import LANE_WORDS, Header
from jaxarc.records.layout import Field, Layout, unflatten

names = st.text(max_size=8)
paths = st.lists(st.one_of(names, st.integers(0, 20)), max_size=3).map(tuple)
fields = st.builds(
    Field,
    role=st.sampled_from(["observation", "action", "info", "metrics"]),
    path=paths,
    dtype=st.sampled_from(["bool", "int8", "float32", "bfloat16", "int4", "complex64"]),
    shape=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    key_impl=st.sampled_from(["", "fry"]),
)
layouts = st.builds(
    Layout,
    kind=st.sampled_from(["steps", "metrics"]),
    stream=st.text(min_size=1, max_size=10),
    program=st.sampled_from(["scalars", "steps", "states"]),
    given=st.lists(st.sampled_from(["start", "success"]), unique=True).map(tuple),
    scalars=st.lists(fields, max_size=3).map(tuple),
    rows=st.lists(fields, max_size=3).map(tuple),
)


@given(layout=layouts)
def test_a_layout_survives_json(layout: Layout):
    """Read back it is equal, with the same id, though JSON knows no tuples."""
    again = Layout.from_json(json.loads(json.dumps(layout.to_json())))
    assert again == layout
    assert again.id == layout.id
    assert 0 <= layout.id < 2**31


@given(first=layouts, second=layouts)
def test_different_layouts_have_different_ids(first: Layout, second: Layout):
    """The id is a digest of everything that a layout says."""
    assert (first.id == second.id) == (first == second)


def test_the_id_is_the_same_in_another_process():
    """Neither hash randomisation nor the order of imports moves it."""
    layout = Layout("steps", "träin", "steps", ("start",), (Field("reward", (), "float32", ()),), ())
    code = (
        "from jaxarc.records.layout import Field, Layout;"
        "print(Layout('steps', 'träin', 'steps', ('start',), (Field('reward', (), 'float32', ()),), ()).id)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(said.stdout) == layout.id


def test_keys_of_later_versions_are_ignored():
    """A newer jaxarc may say more about a layout and its fields."""
    layout = Layout("steps", "train", "steps", (), (Field("reward", (), "float32", ()),), ())
    value = json.loads(json.dumps(layout.to_json()))
    value["later"] = 1
    value["scalars"][0]["unit"] = "points"
    assert Layout.from_json(value) == layout


@given(data=st.data())
def test_a_header_survives_its_words(data: st.DataObject):
    """Every member axis, selected id and lane comes back."""
    num_envs = data.draw(st.integers(1, 6))
    env_ids = data.draw(st.sets(st.integers(0, num_envs - 1)).map(lambda ids: tuple(sorted(ids))))
    members = data.draw(st.lists(st.integers(1, 3), max_size=3).map(tuple))
    lanes = data.draw(st.sampled_from([1, num_envs]))
    header = Header(
        slot=data.draw(st.integers(0, 100)),
        layout_id=data.draw(st.integers(0, 2**31 - 1)),
        num_steps=data.draw(st.integers(1, 10_000)),
        num_envs=num_envs,
        num_selected=len(env_ids),
        num_journalled=data.draw(st.integers(0, num_envs)),
        env_major=data.draw(st.booleans()),
        num_lanes=lanes,
        room=data.draw(st.integers(0, 10_000)),
        keyframe_room=data.draw(st.integers(0, 10_000)),
        members=members,
        env_ids=env_ids,
    )
    lane_words = np.arange(int(np.prod(members, dtype=int)) * lanes * LANE_WORDS, dtype=np.int32)
    parsed, rest = Header.parse(np.concatenate([header.static_words(), lane_words]))
    assert parsed == header
    assert rest.shape == (int(np.prod(members, dtype=int)), lanes, LANE_WORDS)
    assert rest.reshape(-1).tolist() == lane_words.tolist()


def test_a_header_of_another_version_is_refused():
    """The message names both versions."""
    words = Header(0, 1, 1, 1, 1, 0, True, 1, 1, 0, (), (0,)).static_words()
    words[0] = 99
    with pytest.raises(ValueError, match=r"version 99.*reads 2"):
        Header.parse(np.concatenate([words, np.zeros(LANE_WORDS, np.int32)]))


def test_trees_are_rebuilt_from_paths():
    """Names become dicts, positions tuples, a bare leaf itself."""
    assert unflatten([((), 1)]) == 1
    assert unflatten([]) == {}
    assert unflatten([(("a", 0), 1), (("a", 1), 2), (("b",), 3)]) == {"a": (1, 2), "b": 3}
    assert unflatten([((10,), "k"), ((9,), "j")]) == ("j", "k")
