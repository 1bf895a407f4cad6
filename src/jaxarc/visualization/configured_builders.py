"""The builders that a configuration asks for."""

from __future__ import annotations

from dataclasses import replace

from jaxarc.config import ArtifactConfig
from jaxarc.visualization.artifact_builder import ArtifactBuilder
from jaxarc.visualization.curves_artifacts import CurvesArtifactBuilder
from jaxarc.visualization.field_artifacts import FieldArtifactBuilder

__all__ = ["configured_builders"]


def configured_builders(config: ArtifactConfig) -> list[ArtifactBuilder]:
    """Return the builders of a configuration, in its order.

    Raises:
        RenderError: one of them needs a package that is not installed.
    """
    made: list[ArtifactBuilder] = []
    for each in config.builders:
        if each == "fields":
            made.append(
                FieldArtifactBuilder(
                    config.fields, config.cadence, png=config.png, html=config.html, video=config.video
                )
            )
        elif each == "curves":
            cadence = replace(config.cadence, first=False)
            made.append(CurvesArtifactBuilder(cadence=cadence, png=config.png, html=config.html))
        else:
            made.append(each)
    return made
