"""Typed view of ``models/turnover.toml``: what to fit, frozen and versioned."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_rootc.spec.priors import HalfNormal, LogNormal, Normal, Prior
from bayes_rootc.spec.structure import StructureSection

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]

PositivePrior = Annotated[HalfNormal | LogNormal, Field(discriminator="dist")]


COARSEST_STEP_PER_PER_MIL = 0.004
"""A peak of the likelihood, as wide in ln k as the error in ‰ over some 250 ‰, needs points."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataSection(Section):
    """Which layers enter. Every ``keep_*`` is off where the default is to leave out."""

    covariates: Annotated[tuple[Literal["mat", "map"], ...], Field(strict=False)] = ("mat", "map")
    keep_peat: bool = False
    keep_organic: bool = False
    keep_point_samples: bool = False
    keep_duplicates: bool = False
    keep_unpublished: bool = False
    keep_unmeasured: bool = False
    keep_treated: bool = False
    keep_filled: bool = False
    keep_implausible: bool = True
    max_depth_cm: Annotated[float, Field(gt=0, le=200)] = 200.0
    # Left out where it says nothing, so that a file without it has the hash that it always had.
    leave_out: Annotated[
        tuple[str, ...], Field(strict=False, exclude_if=lambda patterns: not patterns)
    ] = ()
    """Data sets (column ``entry``) that do not enter, as shell patterns: ``Smith*``."""


class AtmosphereSection(Section):
    """Which atmosphere the pools see."""

    initial: Literal["constant", "calibrated"] = "constant"
    prebomb_delta14c: Annotated[float, Field(ge=-100, le=100)] = 0.0
    lag: Annotated[float, Field(ge=0, le=100)] = 0.0


class LikelihoodSection(Section):
    """Constants of the likelihood table."""

    default_sd: Positive = 6.0
    floor_sd: Positive = 3.0
    model_sd: Annotated[float, Field(ge=0)] = 8.0
    student_t_df: Annotated[float, Field(ge=2)] = 4.0
    theta_step: Annotated[float, Field(gt=0, le=0.05)] = 0.02
    k_min: Annotated[float, Field(ge=1e-7, le=1e-4)] = 1e-6
    k_max: Annotated[float, Field(ge=0.5, le=10)] = 2.0


class ModelSection(Section):
    """Constants of the hierarchy."""

    reference_depth_cm: Annotated[float, Field(ge=0, le=200)] = 20.0


class TurnoverPriors(Section):
    """Priors of the population parameters."""

    alpha: Prior
    beta: Prior
    gamma: Prior
    sigma_biome: PositivePrior
    sigma_slope: PositivePrior
    sigma_profile: PositivePrior
    tau: PositivePrior


class TurnoverJointPriors(Section):
    """Priors that the turnover block needs in the joint model only."""

    sigma_gamma: PositivePrior
    sigma_place: PositivePrior


class SamplerSection(Section):
    """How long to sample."""

    chains: Annotated[int, Field(ge=2, le=64)] = 4
    tune: Annotated[int, Field(ge=100)] = 1000
    draws: Annotated[int, Field(ge=50)] = 1000
    target_accept: Annotated[float, Field(gt=0.5, lt=1)] = 0.8
    target_accept_sparse: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20260101
    keep_draws: Count = 1000


class GateSection(Section):
    """What the diagnostics must show before a fit is called converged."""

    r_hat_max: Annotated[float, Field(gt=1)] = 1.01
    ess_min: Positive = 400.0
    divergences_max: Annotated[int, Field(ge=0)] = 0
    e_bfmi_min: Annotated[float, Field(gt=0, lt=1)] = 0.3


class TurnoverSpec(Section):
    """One model file for the turnover model."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    model: Literal["turnover"]
    data: DataSection = DataSection()
    atmosphere: AtmosphereSection = AtmosphereSection()
    likelihood: LikelihoodSection = LikelihoodSection()
    model_options: ModelSection = ModelSection()
    # Left out where it says nothing, so that a file of one pool has the hash that it always had.
    structure: Annotated[
        StructureSection, Field(exclude_if=lambda section: section == StructureSection())
    ] = StructureSection()
    priors: TurnoverPriors
    joint_priors: TurnoverJointPriors | None = None
    sampler: SamplerSection = SamplerSection()
    gate: GateSection = GateSection()

    @model_validator(mode="after")
    def _floor_below_default(self) -> TurnoverSpec:
        if self.likelihood.floor_sd > self.likelihood.default_sd:
            raise ValueError("likelihood.floor_sd must not be above likelihood.default_sd")
        like = self.likelihood
        least = COARSEST_STEP_PER_PER_MIL * math.hypot(like.floor_sd, like.model_sd)
        if like.theta_step > least:
            raise ValueError(
                f"likelihood.theta_step = {like.theta_step:g} is too coarse for errors that small; "
                f"it must be {least:.4f} or less, or floor_sd and model_sd larger"
            )
        return self


__all__ = ["HalfNormal", "LogNormal", "Normal", "TurnoverSpec"]
