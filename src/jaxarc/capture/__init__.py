"""The device side: what a compiled program selects, packs and hands over."""

from jaxarc.capture.chunks import CapturePlan
from jaxarc.capture.flatten import as_numpy, path_key, path_text
from jaxarc.capture.non_finite import Search, first_non_finite, is_watched
from jaxarc.capture.program import ProgramSettings, RecorderProgram, StreamSettings, register_as_argument
from jaxarc.capture.runtime import check_jax, wait_for_programs
from jaxarc.capture.scalars import log
from jaxarc.capture.scan import plan_scan, scan
from jaxarc.capture.settings import announcement, program_settings, records_anything
from jaxarc.capture.slots import SLOTS, Slots
from jaxarc.capture.spec import PROGRAM_OF_LEVEL, CaptureSpec, select_envs
from jaxarc.capture.step import Step
from jaxarc.capture.steps import record_rollout, tap

__all__ = [
    "PROGRAM_OF_LEVEL",
    "SLOTS",
    "CapturePlan",
    "CaptureSpec",
    "ProgramSettings",
    "RecorderProgram",
    "Search",
    "Slots",
    "Step",
    "StreamSettings",
    "announcement",
    "as_numpy",
    "check_jax",
    "first_non_finite",
    "is_watched",
    "log",
    "path_key",
    "path_text",
    "plan_scan",
    "program_settings",
    "record_rollout",
    "records_anything",
    "register_as_argument",
    "scan",
    "select_envs",
    "tap",
    "wait_for_programs",
]
