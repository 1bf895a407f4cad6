"""The device side: what a compiled program selects, packs and hands over."""

from jaxarc.capture.step import Step

__all__ = ["Step"]
