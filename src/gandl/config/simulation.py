"""The sizes of simulated screens: section `source.simulation` of the configuration."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gandl.config.types import NonNegativeFloat, NonNegativeInt, PositiveInt, Section


class CellLinesSimulation(Section):
    """Sizes of the simulated screen of cell lines: one grey channel, one site in a well."""

    lines: Annotated[int, Field(ge=1, le=7)] = Field(
        7, description="Cell lines, each with drugs and vehicle; at most 7."
    )
    plates: PositiveInt = Field(2, description="Plates of each cell line.")
    vehicle_wells: PositiveInt = Field(42, description="Wells with vehicle (negative controls) on a plate.")
    drug_wells: PositiveInt = Field(14, description="Wells of each of the seven drugs on a plate, at one dose.")
    image_px: PositiveInt = Field(256, description="Side (px) of its images, of 1 um a pixel.")
    effect: NonNegativeFloat = Field(
        1.0, description="Factor on what drugs do in every well; 0 gives a screen without effects."
    )


class SimulationSettings(Section):
    """Simulated screens with a known truth, written in the distributed format of RxRx19a and RxRx1."""

    seed: NonNegativeInt = Field(0, description="Same seed, same bytes.")
    image_px: PositiveInt = Field(
        256, description="Side (px) of RxRx19a-like images; RxRx1-like ones have half, at twice the pixel size."
    )
    hrce_plates: PositiveInt = Field(3, description="Plates in each of HRCE-1 and HRCE-2.")
    vero_plates: PositiveInt = Field(2, description="Plates in each of VERO-1 and VERO-2.")
    compounds: Annotated[int, Field(ge=3)] = Field(
        7, description="Compounds per plate, each in six half-log doses and two wells a plate; three have fixed names."
    )
    sites: PositiveInt = Field(4, description="Sites (fields) per RxRx19a-like well.")
    severity: NonNegativeFloat = Field(
        1.0, description="Factor on the severity of infection in every well; 0 gives screens without any effect."
    )
    rxrx1_experiments: PositiveInt = Field(2, description="RxRx1-like experiments (of four plates) per cell type.")
    rxrx1_sirnas: PositiveInt = Field(10, description="siRNAs in each of the four fixed sets: treated wells per plate.")
    cell_lines: CellLinesSimulation | None = Field(
        None, description="Sizes of the screen cell_lines, where `datasets` names it, else empty."
    )
