"""From a configuration to what programs are traced with, and to a sentence about it."""

from __future__ import annotations

from jaxarc.capture.program import ProgramSettings, StreamSettings
from jaxarc.config import Config
from jaxarc.records.selection import PROGRAM_OF_LEVEL

__all__ = ["announcement", "program_settings", "records_anything"]


def program_settings(config: Config, slot: int) -> ProgramSettings:
    """Return what of a configuration programs are traced with."""

    def of_stream(name: str) -> StreamSettings:
        stream = config.capture.for_stream(name)
        is_on = stream.level != "off"
        level = stream.level if config.logging.structured_logging else "off"
        journal = "off" if level == "off" else stream.journal
        return StreamSettings(PROGRAM_OF_LEVEL[level], stream.envs, journal, logs=is_on)

    return ProgramSettings(
        slot=slot,
        default=of_stream(""),
        streams=tuple((name, of_stream(name)) for name in sorted(config.capture.streams)),
        chunk_bytes=config.capture.chunk_bytes,
        max_step_bytes=config.pipeline.queue_bytes,
        keyframe_steps=config.capture.keyframe_steps,
    )


def records_anything(config: Config) -> bool:
    """Say whether some stream is recorded at all."""
    levels = [config.capture.level, *(stream.level for stream in config.capture.streams.values())]
    return any(level not in (None, "off") for level in levels)


def announcement(config: Config) -> str:
    """Say in a sentence what is recorded and what is not."""
    level, envs, keep = config.capture.level, config.capture.envs, ", ".join(config.capture.keep)
    if not config.logging.structured_logging and records_anything(config):
        return "logging.structured_logging=false records no episodes; recorder.log goes on"
    selected = (
        f"{envs} env{'s' if envs != 1 else ''}"
        if isinstance(envs, int)
        else f"envs {', '.join(map(str, envs))}"
    )
    rows = "records every episode's row"
    says = {
        "off": "records nothing; the program is the one without it",
        "minimal": f"{rows}, and no steps",
        "standard": f"{rows}, and key steps of {selected} (keep: {keep})",
        "verbose": f"{rows}, and every step of {selected} (keep: {keep})",
        "full": f"{rows}, and steps and states of {selected} (keep: {keep})",
    }[level]
    return f"level {level} {says}"
