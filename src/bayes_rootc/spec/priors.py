"""Prior distributions that a model file may name: one record each, no PyMC."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy import stats

Positive = Annotated[float, Field(gt=0)]


class _Prior(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    unit: str
    reason: str


class Normal(_Prior):
    """N(mean, sd)."""

    dist: Literal["normal"]
    mean: float
    sd: Positive


class HalfNormal(_Prior):
    """|N(0, sd)|."""

    dist: Literal["half_normal"]
    sd: Positive


class LogNormal(_Prior):
    """exp N(ln median, sigma)."""

    dist: Literal["lognormal"]
    median: Positive
    sigma: Positive


Prior = Annotated[Normal | HalfNormal | LogNormal, Field(discriminator="dist")]


@dataclass(frozen=True)
class Family:
    """How a prior is written, drawn from, and named in PyMC."""

    scipy: Callable[..., stats.rv_frozen]
    pymc_name: str
    pymc_arguments: Callable[..., dict[str, float]]
    text: Callable[..., str]


FAMILIES: dict[str, Family] = {
    "normal": Family(
        lambda p: stats.norm(p.mean, p.sd),
        "Normal",
        lambda p: {"mu": p.mean, "sigma": p.sd},
        lambda p: f"Normal({p.mean:g}, {p.sd:g})",
    ),
    "half_normal": Family(
        lambda p: stats.halfnorm(scale=p.sd),
        "HalfNormal",
        lambda p: {"sigma": p.sd},
        lambda p: f"HalfNormal({p.sd:g})",
    ),
    "lognormal": Family(
        lambda p: stats.lognorm(p.sigma, scale=p.median),
        "LogNormal",
        lambda p: {"mu": float(np.log(p.median)), "sigma": p.sigma},
        lambda p: f"LogNormal(ln {p.median:g}, {p.sigma:g})",
    ),
}


def frozen(prior: Normal | HalfNormal | LogNormal) -> stats.rv_frozen:
    """Return the prior as a SciPy distribution, to draw from it or ask for quantiles."""
    return FAMILIES[prior.dist].scipy(prior)


def interval(prior: Normal | HalfNormal | LogNormal, mass: float = 0.9) -> tuple[float, float]:
    """Return the central interval of a prior that holds the given mass."""
    low, high = frozen(prior).interval(mass)
    return float(low), float(high)
