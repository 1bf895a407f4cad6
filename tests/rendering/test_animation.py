"""An episode in motion: what a decoder reads back from a GIF and an MP4."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from observed import screen
from PIL import Image, ImageSequence

from jaxarc.errors import RenderError
from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering import episode_to_gif, episode_to_mp4, step_frames
from jaxarc.rendering.episode_scale import EpisodeScale
from jaxarc.rendering.picture import kinds_of


def extremes_of(values: list[object]) -> tuple[object, ...]:
    scale = EpisodeScale()
    for value in values:
        scale.add(value)
    return scale.extremes()


def moving(count: int, height: int = 31, width: int = 45) -> Iterator[np.ndarray]:
    """A square of changing colour that moves to the right."""
    for index in range(count):
        frame = np.full((height, width, 3), 255, np.uint8)
        frame[8:20, 2 * index : 2 * index + 12] = (200, 10 * index, 40)
        yield frame


def decoded(gif: bytes) -> tuple[list[np.ndarray], list[int]]:
    frames, durations = [], []
    with Image.open(io.BytesIO(gif)) as image:
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert("RGB")))
            durations.append(image.info["duration"])
    return frames, durations


def test_a_gif_shows_every_frame_exactly():
    """Colours are exact, whatever of a frame is left out because it did not change."""
    frames, durations = decoded(episode_to_gif(moving(8), frame_s=0.3, last_frame_s=1.5))
    for shown, drawn in zip(frames, moving(8), strict=True):
        np.testing.assert_array_equal(shown, drawn)
    assert durations == [300] * 7 + [1500]


def test_a_gif_plays_as_often_as_asked():
    """For ever by default, once without the block that says how often."""
    with Image.open(io.BytesIO(episode_to_gif(moving(3)))) as image:
        assert image.info["loop"] == 0
    with Image.open(io.BytesIO(episode_to_gif(moving(3), loops=1))) as image:
        assert "loop" not in image.info
    with Image.open(io.BytesIO(episode_to_gif(moving(3), loops=5))) as image:
        assert image.info["loop"] == 4


def test_equal_frames_are_one_long_frame():
    """A step that changes nothing costs no bytes."""
    still = next(moving(1))
    frames, durations = decoded(
        episode_to_gif([still, still, still, *moving(2)], frame_s=0.5, last_frame_s=1)
    )
    assert len(frames) == 2
    assert durations == [2000, 1000]


def test_a_gif_of_more_than_255_colours_takes_the_nearest():
    """Frames of noise are drawn with a palette of their colours; a later one finds its nearest."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 40, 40, 3)).astype(np.uint8)
    frames, _ = decoded(episode_to_gif(noise))
    for shown, drawn in zip(frames, noise, strict=True):
        assert np.abs(shown.astype(int) - drawn).mean() < 30


def test_a_gif_is_written_without_holding_its_frames():
    """Frames are asked for one at a time and let go; the file holds what changed."""
    alive = 0

    class Frame(np.ndarray):
        def __del__(self) -> None:
            nonlocal alive
            if self.base is None:
                alive -= 1

    most = 0

    def frames() -> Iterator[np.ndarray]:
        nonlocal alive, most
        for index in range(300):
            frame = Frame((60, 60, 3), np.uint8)
            alive += 1
            most = max(most, alive)
            frame[:] = 255
            frame[index % 60, :3] = 0
            yield frame

    assert len(episode_to_gif(frames())) < 300 * 400
    assert most <= 3


def played(film: bytes, folder: Path) -> tuple[str, np.ndarray]:
    """What ffmpeg says of a film, and its frames."""
    path = folder / "film.mp4"
    path.write_bytes(film)
    to_frames = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run([get_ffmpeg_exe(), "-i", path, *to_frames], capture_output=True, check=True)
    return done.stderr.decode(), np.frombuffer(done.stdout, np.uint8).reshape(-1, 32, 46, 3)


@pytest.mark.parametrize("size", [(32, 46), (31, 45)])
def test_an_mp4_plays_the_frames(size, tmp_path):
    """H.264 in yuv420p of even sides, with the colours of the frames, the last one held."""
    about, frames = played(episode_to_mp4(moving(6, *size), frame_s=0.25, last_frame_s=1.0), tmp_path)
    assert re.search(r"Video: h264.* yuv420p\(tv, bt709, progressive\), 46x32.* 4 fps", about)
    assert len(frames) == 6 + 3
    for index, (shown, drawn) in enumerate(zip(frames, moving(6, *size), strict=False)):
        difference = np.abs(shown[: size[0], : size[1]].astype(int) - drawn)
        assert difference.mean() < 3
        inside = np.s_[10:18, 2 * index + 4 : 2 * index + 8]
        assert difference[inside].max() < 12


def test_animations_are_the_same_bytes_again():
    """Neither format holds a time or anything else that changes."""
    assert episode_to_gif(moving(4)) == episode_to_gif(moving(4))
    assert episode_to_mp4(moving(4)) == episode_to_mp4(moving(4))


@pytest.mark.parametrize("make", [episode_to_gif, episode_to_mp4])
def test_what_is_no_animation_is_refused(make):
    """No frame, frames of two sizes, and times out of range; the message says what was wrong."""
    with pytest.raises(RenderError, match="at least one frame"):
        make([])
    with pytest.raises(RenderError, match=r"frame 1 has shape \(40, 45.*one size"):
        make([next(moving(1)), next(moving(1, height=40))])
    with pytest.raises(RenderError, match=r"frame 0 must be uint8\[height width 3\], got float64\(4, 4\)"):
        make([np.zeros((4, 4))])
    with pytest.raises(RenderError, match=r"frame_s must be 0.02 to 600 seconds, got 0"):
        make(moving(2), frame_s=0)


def test_an_impossible_number_of_loops_is_refused():
    """The error names the limits."""
    with pytest.raises(RenderError, match="loops must be 0 to 65536, got -1"):
        episode_to_gif(moving(2), loops=-1)


def test_without_the_extra_the_error_says_how_to_get_it(monkeypatch):
    """The package and the command stand in the message."""
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(RenderError, match=r"MP4 needs .*pip install 'jaxarc-toolkit\[video\]'"):
        episode_to_mp4(moving(2))


def episode_of(step) -> list[StepVisualizationData]:
    """Steps whose words, numbers, boards and outcomes differ as much as they can."""
    small, wide = np.full((3, 3), 4, np.int8), np.full((12, 12), -1, np.int8)
    wide[:6, :11] = 7
    nothing = {"selection_mask": None, "changed_cells": None, "target_grid": None}
    return [
        step(before_grid=small, after_grid=small, title="", info={}, operation_name="", **nothing),
        step(before_grid=small, after_grid=wide, info={f"metric {i}": i for i in range(9)}, **nothing),
        step(before_grid=wide, after_grid=None, reward=-1234.5, title="name " * 40, **nothing),
        step(step_num=123456, ended="terminated", success=False),
    ]


def test_frames_of_an_episode_have_one_layout(step):
    """Whatever the steps say, all frames have one size, and the first board begins at the same pixel."""
    frames = list(step_frames(episode_of(step)))
    assert len({frame.shape for frame in frames}) == 1
    left, top = 24, 24 + 54 + 20 + 24  # margin, heading with a title, space, name of the panel
    cell = 24  # eleven columns in 270 pixels
    for frame, colour in zip(frames, ("#FFDC00", "#FFDC00", "#FF851B", "#000000"), strict=True):
        inside = frame[top + 1 : top + cell, left + 1 : left + cell]
        assert (inside == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all()
        assert (frame[top - 1, left : left + cell] == 255).all()


def test_frames_of_an_iterator_are_those_of_a_list(step):
    """Steps that can be read only once are looked at ahead."""
    steps = episode_of(step)
    for once, again in zip(step_frames(iter(steps)), step_frames(steps), strict=True):
        np.testing.assert_array_equal(once, again)


def test_a_late_step_that_needs_more_room_is_cut_off(step, monkeypatch):
    """The size of a film cannot change when it has begun."""
    monkeypatch.setattr(sys.modules[step_frames.__module__], "_AHEAD", 1)
    frames = list(step_frames(iter(episode_of(step))))
    assert len({frame.shape for frame in frames}) == 1


def test_a_gif_of_a_long_episode_stays_small(step):
    """A step costs the file what it changed, not a picture."""
    board = np.zeros((10, 10), np.int8)
    steps = []
    for index in range(60):
        after = board.copy()
        after.flat[index] = 3
        fields = {"step_num": index, "total_steps": 60, "before_grid": board, "after_grid": after}
        steps.append(
            step(**fields, selection_mask=board != after, changed_cells=board != after, target_grid=None)
        )
        board = after
    still = len(episode_to_gif(step_frames(steps[:1])))
    assert len(episode_to_gif(step_frames(steps))) < still + 60 * 1500


def test_an_ffmpeg_that_fails_is_an_error(monkeypatch):
    """The user's own ffmpeg, named in the environment, may be of no use."""
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/false")
    with pytest.raises(RenderError, match="ffmpeg made no film of 46x32 frames"):
        episode_to_mp4(moving(40))


def test_frames_of_an_episode_share_one_scale(step):
    """A bar of 1 is as long on a quiet frame as on the one with a bar of 10."""
    plain = {"target_grid": None, "selection_mask": None, "changed_cells": None, "action": {"action": 1}}
    values = [np.array([1.0, 0.5]), np.array([1.0, 10.0])]
    steps = [step(before_grid=value, after_grid=value, **plain) for value in values]
    quiet, loud = step_frames(steps)
    alone = next(step_frames(steps[:1]))
    blue = [int((frame == (0x2F, 0x6F, 0xDE)).all(axis=-1).sum()) for frame in (quiet, loud, alone)]
    assert 0 < blue[0] < blue[2] / 4
    assert blue[0] < blue[1] / 3


def test_frames_of_an_episode_are_of_one_kind(step):
    """A black frame beside grey ones is a frame, and a map without high numbers is a map like the others."""
    extremes = extremes_of([np.zeros((40, 40), np.uint8) + 3, np.full((40, 40), 200, np.uint8)])
    assert set(kinds_of([np.zeros((40, 40), np.uint8) + 3, *extremes])) == {"frame"}
    ends: list[Any] = list(
        extremes_of([{"map": np.ones((3, 3), int), "at": np.nan}, {"map": np.full((3, 3), 20), "at": 1.0}])
    )
    assert kinds_of([np.ones((3, 3), int), *(end["map"] for end in ends)])[0] == "grid"
    assert ends[1]["at"].tolist() == 1.0
    assert extremes_of([screen(0), "words"]) == ()


def test_a_nested_board_keeps_its_cells(step):
    """The main board of a nested observation has the room of the largest on every frame."""
    small, large = ({"board": np.ones((side, side), int), "lives": 3} for side in (2, 10))
    plain = {"target_grid": None, "selection_mask": None, "changed_cells": None, "action": {"action": 1}}
    frames = list(step_frames([step(before_grid=tree, after_grid=tree, **plain) for tree in (small, large)]))
    assert frames[0].shape == frames[1].shape
    drawn = (frames[0][:, :300] == (0x00, 0x74, 0xD9)).all(axis=-1)
    assert drawn.any(axis=0).sum() < 60
