"""The device side: what a compiled program selects, packs and hands over."""

from jaxarc.capture.numbers import fits_program, whole_number
from jaxarc.capture.packing import refuse_non_arrays
from jaxarc.capture.runtime import check_jax, wait_for_programs
from jaxarc.capture.scalars import log
from jaxarc.capture.scan import CapturePlan, plan_scan, record_rollout, scan, tap
from jaxarc.capture.slots import SLOTS, Slots
from jaxarc.capture.spec import PROGRAM_OF_LEVEL, CaptureSpec, select_envs
from jaxarc.capture.step import Step

__all__ = [
    "PROGRAM_OF_LEVEL",
    "SLOTS",
    "CapturePlan",
    "CaptureSpec",
    "Slots",
    "Step",
    "check_jax",
    "fits_program",
    "log",
    "plan_scan",
    "record_rollout",
    "refuse_non_arrays",
    "scan",
    "select_envs",
    "tap",
    "wait_for_programs",
    "whole_number",
]
