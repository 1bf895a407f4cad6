"""The JAX that we run on: whether it delivers callbacks, and waiting for its programs."""

from __future__ import annotations

import logging
import re

import jax

from jaxarc.errors import CaptureError

__all__ = ["check_jax", "wait_for_programs"]

logger = logging.getLogger(__name__)

_OLDEST_JAX = (0, 8, 2)
"""Older ones drop the callbacks of a custom_vmap function without a word."""


def check_jax() -> None:
    """Check that this JAX delivers callbacks.

    Raises:
        CaptureError: it is too old, or runs without a CPU backend; with what to do.
    """
    version = tuple(int(part) for part in re.findall(r"\d+", jax.__version__)[:3])
    if version < _OLDEST_JAX:
        raise CaptureError(
            f"JAX {jax.__version__} loses callbacks inside custom_vmap; jaxarc records with JAX 0.8.2 "
            "and newer: pip install -U jax"
        )
    try:
        jax.devices("cpu")
    except RuntimeError as error:
        raise CaptureError(
            "callbacks need JAX's CPU backend beside the accelerator; set JAX_PLATFORMS=cuda,cpu (or leave "
            "it unset), or return the steps from the program and give them to recorder.record_rollout"
        ) from error


def wait_for_programs() -> None:
    """Wait for the programs of this thread; one that failed is its caller's error, and not ours to raise."""
    try:
        jax.effects_barrier()
    except Exception as error:  # noqa: BLE001 - whatever the program raised: what it recorded is kept
        logger.warning("recording: a program failed; what it sent before is kept (%s)", error)
