"""What sections of the configuration are made of: the base class, numbers with limits, and words that values may be."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.fields import FieldInfo

PositiveInt = Annotated[int, Field(gt=0)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
NonNegativeFloat = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
ChannelName = Annotated[
    str,
    Field(coerce_numbers_to_str=True),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]}),
]
"""A channel may be named by a number, which YAML reads as one."""


class ImagesFrom(StrEnum):
    ARCHIVE = "archive"
    OBJECTS = "objects"


class Wells(StrEnum):
    ALL = "all"
    PILOT = "pilot"


class Scaling(StrEnum):
    """Where on scores put the training controls: their means at -1 and +1 (`paper`), or all of them from -1 to +1
    (`preprint`)."""

    PAPER = "paper"
    PREPRINT = "preprint"


class Aggregate(StrEnum):
    """How profiles of wells become one of their treatment."""

    MEAN = "mean"
    MEDIAN = "median"


class Projection(StrEnum):
    """What is taken of several z planes: the maximum over them, or the middle one (of an even number the lower)."""

    MAX = "max"
    MIDDLE = "middle"


class Section(BaseModel):
    """A part of the configuration: unknown keys are mistakes, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False, allow_inf_nan=False)

    @classmethod
    def given(cls, values: Mapping[str, Any]) -> Self:
        """A section of which only the keys given can be read.

        A rule's `params` hold the keys that decide its outputs: code that reads another one would get its default, not the user's
        value, and its change would redo nothing. Here that is an `AttributeError`.
        """
        section = cls.model_validate(values)
        for name in cls.model_fields.keys() - section.model_fields_set:
            del section.__dict__[name]
        return section

    def changed(self, **changes: Any) -> Self:
        """The same section with other values, checked as in a file; a section within it takes a dictionary of what changes.

        Raises
        ------
        pydantic.ValidationError : an unknown key, a wrong value, or values that do not fit one another.
        """
        values = self.model_dump()
        for key, change in changes.items():
            held = getattr(self, key, None)
            if isinstance(held, Section) and isinstance(change, dict):
                change = held.changed(**change).model_dump()
            values[key] = change
        return type(self).model_validate(values)


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section that a field holds, also where it may be empty; None for a plain value."""
    choices = get_args(field.annotation) or (field.annotation,)
    sections = [choice for choice in choices if isinstance(choice, type) and issubclass(choice, BaseModel)]
    return sections[0] if sections else None
