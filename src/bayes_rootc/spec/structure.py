"""Section ``[structure]`` of the turnover model: how widely a layer's decay rates are spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_rootc.spec.priors import LogNormal, Normal


@dataclass(frozen=True)
class Shape:
    """The parameter that says how widely decay rates are spread within a layer.

    Attributes
    ----------
    text : str
        What it is.
    low, high : float
        Values that a fixed shape may have.
    sampled : tuple of float
        Range within which a sampled shape is tabulated; its prior is cut off there.
    knot_step : float
        Largest step of ln shape between two tables of a sampled shape.
    """

    text: str
    low: float
    high: float
    sampled: tuple[float, float]
    knot_step: float


SHAPES: dict[str, Shape | None] = {
    "one_pool": None,
    "gamma": Shape("shape a of the gamma distribution of k", 0.1, 1e6, (0.4, 40.0), 0.08),
    "lognormal": Shape("standard deviation of ln k", 0.01, 3.0, (0.1, 2.5), 0.04),
    "two_pool": Shape("ratio of the fast rate to the slow one", 1.0, 1e5, (1.2, 1000.0), 0.16),
}
"""Structure → its shape."""


class StructureSection(BaseModel):
    """One pool, or many decay rates in one layer; k of the model is their mean over the stock."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: Literal["one_pool", "gamma", "lognormal", "two_pool"] = "one_pool"
    shape: float | None = None
    fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    prior: LogNormal | None = None
    # Left out where it says nothing, so that a file without it has the hash that it always had.
    slope: Annotated[Normal | None, Field(exclude_if=lambda value: value is None)] = None
    """Prior of the change of ln shape with depth, per unit of the model's depth basis d(z)."""

    @property
    def is_sampled(self) -> bool:
        """Whether the shape is a parameter of the model."""
        return self.prior is not None

    @model_validator(mode="after")
    def _complete(self) -> StructureSection:
        known = SHAPES[self.name]
        if known is None:
            keys = ("shape", "fraction", "prior", "slope")
            given = [key for key in keys if getattr(self, key) is not None]
            if given:
                raise ValueError(f"structure.{given[0]} is not for one_pool, which has no shape")
            return self
        if (self.shape is None) == (self.prior is None):
            raise ValueError(
                f"structure {self.name} takes either a shape ({known.text}) or a prior "
                "([structure.prior]) to sample it"
            )
        if self.slope is not None and self.prior is None:
            raise ValueError(
                "structure.slope, the prior of the change of ln shape with depth, needs a sampled "
                "shape ([structure.prior]) at the reference depth"
            )
        low, high = (known.low, known.high) if self.prior is None else known.sampled
        value = self.shape if self.prior is None else self.prior.median
        if value is not None and not low <= value <= high:
            key = "shape" if self.prior is None else "prior.median"
            raise ValueError(
                f"structure.{key} = {value:g} is wrong; the {known.text} must be "
                f"{low:g} to {high:g}"
            )
        if (self.name == "two_pool") != (self.fraction is not None):
            raise ValueError(
                "structure.fraction, the share of the stock in the fast pool (between 0 and 1), "
                "is for two_pool and must be given there"
            )
        return self
