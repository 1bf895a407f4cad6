"""An episode in motion: frames of one size as GIF or MP4."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.rendering.gif import gif_of
from jaxarc.rendering.optional import import_extra

__all__ = ["episode_to_gif", "episode_to_mp4"]

_FRAME_S = 0.4
_LAST_FRAME_S = 2.0
_COLOURS = (
    "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int,"
    "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
)
_H264 = (
    *("-an", "-c:v", "libx264", "-pix_fmt", "yuv420p"),
    *("-preset", "veryfast", "-crf", "18", "-tune", "animation", "-x264-params", "threads=2"),
    *("-vf", _COLOURS, "-movflags", "+faststart"),
    *("-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"),
)


def _check(frame_s: int | float, last_frame_s: int | float) -> None:
    for name, seconds in (("frame_s", frame_s), ("last_frame_s", last_frame_s)):
        if not 0.02 <= seconds <= 600:
            raise RenderError(f"{name} must be 0.02 to 600 seconds, got {seconds}")


def _checked(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Pass frames on while they are frames of one shape."""
    first: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or not frame.size:
            raise RenderError(f"frame {index} must be uint8[height width 3], got {frame.dtype}{frame.shape}")
        first = first or frame.shape
        if frame.shape != first:
            raise RenderError(
                f"frame {index} has shape {frame.shape}, but the first {first}; an animation has one size"
            )
        yield frame
    if first is None:
        raise RenderError("an animation needs at least one frame")


def episode_to_gif(
    frames: Iterable[np.ndarray],
    *,
    frame_s: int | float = _FRAME_S,
    last_frame_s: int | float = _LAST_FRAME_S,
    loops: int = 0,
) -> bytes:
    """Return frames as the bytes of an animated GIF.

    Frames are taken one at a time; what is kept is the file, in which a frame costs what it changed. Colours
    are exact until the animation has more than 255, then the nearest of those.

    Args:
        frames: uint8[height width 3], all of one shape, such as ``step_frames`` makes.
        frame_s: seconds that a frame is shown, 0.02 to 600.
        last_frame_s: seconds of the last frame, so that the outcome can be read.
        loops: how often it is played; 0 for ever.

    Raises:
        RenderError: no frame, frames of several shapes, or an impossible time or count.
    """
    _check(frame_s, last_frame_s)
    if not 0 <= loops <= 65536:
        raise RenderError(f"loops must be 0 to 65536, got {loops}")
    return gif_of(_checked(frames), frame_s=frame_s, last_frame_s=last_frame_s, loops=loops)


def _even(frame: np.ndarray) -> np.ndarray:
    """Return a frame with even sides, as H.264's halved colour planes need; its edge is repeated."""
    height, width = frame.shape[:2]
    if height % 2 or width % 2:
        frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(frame)


def episode_to_mp4(
    frames: Iterable[np.ndarray],
    *,
    frame_s: int | float = _FRAME_S,
    last_frame_s: int | float = _LAST_FRAME_S,
) -> bytes:
    """Return frames as the bytes of an MP4 film: H.264, yuv420p, which every browser and slide show plays.

    Frames are taken one at a time. The same frames give the same bytes with the same ffmpeg. A side of odd
    length gets one more pixel.

    Args:
        frames: uint8[height width 3], all of one shape, such as ``step_frames`` makes.
        frame_s: seconds that a frame is shown, 0.02 to 600.
        last_frame_s: seconds of the last frame, in whole frames.

    Raises:
        RenderError: no extra ``video``, no frame, frames of several shapes, or an impossible time.
    """
    _check(frame_s, last_frame_s)
    ffmpeg = import_extra("imageio_ffmpeg", "video", "MP4").get_ffmpeg_exe()
    checked = _checked(frames)
    last = _even(next(checked))
    height, width = last.shape[:2]
    given = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{1 / frame_s:.6f}")
    with tempfile.TemporaryDirectory(prefix="jaxarc-video-") as folder:
        path = Path(folder) / "episode.mp4"
        command = [ffmpeg, "-v", "error", *given, "-i", "-", *_H264, str(path)]
        times = max(round(last_frame_s / frame_s), 1)
        with (Path(folder) / "errors").open("w+b") as errors:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=errors, stderr=errors)
            pipe = cast(IO[bytes], process.stdin)
            try:
                for frame in checked:
                    pipe.write(last.data)
                    last = _even(frame)
                for _ in range(times):
                    pipe.write(last.data)
                pipe.close()
            except BrokenPipeError:  # it stopped; why is in what it said
                pass
            except BaseException:
                process.kill()
                raise
            finally:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
                process.wait()
            if process.returncode:
                errors.seek(0)
                said = errors.read().decode(errors="replace").strip()
                raise RenderError(
                    f"ffmpeg made no film of {width}x{height} frames: {said or 'it said nothing'}"
                )
        return path.read_bytes()
