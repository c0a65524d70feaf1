"""Typed view of a structures file: which structures of a layer's carbon are compared, and how."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from bayes_rootc.spec.structure import StructureSection
from bayes_rootc.spec.turnover import Section
from bayes_rootc.variables import STACKED

REFERENCE = "one_pool"


class StructuresSpec(Section):
    """Structures that are compared on the same layers."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    model: Literal["structures"]
    turnover: str = "turnover"
    joint: str = "joint"
    candidates: dict[str, StructureSection]
    n_folds: Annotated[int, Field(ge=2, le=50)] = 5
    held_out: Annotated[
        tuple[Literal["place", "profile", "study"], ...], Field(strict=False, min_length=1)
    ] = ("profile", "study")
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20260101

    @model_validator(mode="after")
    def _has_reference(self) -> StructuresSpec:
        reference = self.candidates.get(REFERENCE)
        if reference is None or reference.name != REFERENCE:
            raise ValueError(
                f"candidates.{REFERENCE} is missing; the others are compared with it: add "
                f'[candidates.{REFERENCE}] with name = "{REFERENCE}"'
            )
        if len(self.candidates) == 1:
            raise ValueError("candidates holds one structure only; it must hold two or more")
        for name in self.candidates:
            if not re.fullmatch("[a-z0-9_]+", name) or name == STACKED:
                raise ValueError(
                    f"candidates.{name!r}: a name must be made of a-z, 0-9 and _, and not be "
                    f"{STACKED!r}"
                )
        if len(set(self.held_out)) < len(self.held_out):
            raise ValueError(f"held_out = {list(self.held_out)}: names something twice")
        return self
