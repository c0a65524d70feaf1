"""Typed view of the models of inputs, stocks and losses: single blocks, and all of them jointly."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bayes_rootc.spec.priors import Normal, Prior
from bayes_rootc.spec.turnover import (
    DataSection,
    GateSection,
    ModelSection,
    PositivePrior,
    SamplerSection,
    Section,
    TurnoverSpec,
)

Names = Annotated[tuple[str, ...], Field(strict=False)]


class NppSelect(Section):
    """Which records of net primary production enter."""

    keep_duplicates: bool = False


class RootsSelect(Section):
    """Which root profiles enter."""

    keep_wetland: bool = False
    keep_anthropogenic: bool = True


class FlowData(Section):
    """Which rows of each table enter."""

    layers: DataSection = DataSection()
    npp: NppSelect = NppSelect()
    roots: RootsSelect = RootsSelect()


class CovariatesSection(Section):
    """Grid variables whose principal components are the covariates of every block.

    Each group is reduced on its own to the components whose variance is above ``min_variance``.
    """

    soil: Names = (
        "soil_bulk_density", "soil_clay", "soil_organic_carbon", "soil_ph_cacl2", "soil_cn",
        "whc_top", "whc_sub",
    )  # fmt: skip
    climate: Names = (*(f"bio{number:02d}" for number in range(1, 20)), "vpd")
    topography: Names = ("elevation", "slope", "roughness", "tpi")
    log: Names = (
        "bio12", "bio13", "bio14", "bio16", "bio17", "bio18", "bio19",
        "soil_organic_carbon", "soil_cn", "slope", "roughness",
    )  # fmt: skip
    npp: str = "npp"
    max_distance_km: Annotated[float, Field(gt=0, le=500)] = 75.0
    min_variance: Annotated[float, Field(gt=0)] = 1.0

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """Group → its variables."""
        return {"climate": self.climate, "soil": self.soil, "topography": self.topography}

    @model_validator(mode="after")
    def _names_are_sound(self) -> CovariatesSection:
        variables = [name for names in self.groups.values() for name in names]
        twice = sorted({name for name in variables if variables.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands in two groups; it must stand in one")
        unknown = sorted(set(self.log) - set(variables))
        if unknown:
            raise ValueError(f"log names {', '.join(unknown)}, which is in no group")
        return self


class LevelPriors(Section):
    """Priors that every block has: population level, components, spread between biomes."""

    alpha: Prior
    gamma: Prior
    sigma_gamma: PositivePrior
    sigma_biome: PositivePrior
    sigma_place: PositivePrior
    tau: PositivePrior


class StockPriors(LevelPriors):
    """Priors of carbon density, and of the bulk density that stands in where it is missing."""

    beta: Prior
    sigma_slope: PositivePrior
    sigma_profile: PositivePrior
    bd_intercept: Prior
    bd_slope: Prior
    bd_depth: Prior
    tau_bd: PositivePrior


class RootsPriors(LevelPriors):
    """Priors of root depth: D50, and ln ln(D95/D50)."""

    alpha_ratio: Prior
    sigma_biome_ratio: PositivePrior
    ratio_d50: Prior
    sigma_place_ratio: PositivePrior
    tau_ratio: PositivePrior


class StockJointPriors(Section):
    """Priors of the stock block that need the turnover block beside it."""

    kappa: Prior


class FlowSamplerSection(SamplerSection):
    """Shorter steps than turnover needs alone: spreads between few biomes bend the posterior."""

    target_accept: Annotated[float, Field(gt=0.5, lt=1)] = 0.9


class FlowSpec(Section):
    """What every model of this family has; a block alone is a joint model of one block."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    data: FlowData = FlowData()
    covariates: CovariatesSection = CovariatesSection()
    sampler: FlowSamplerSection = FlowSamplerSection()
    gate: GateSection = GateSection()


class CovarianceSection(Section):
    """Covariance of the biome effects of all blocks."""

    shared: bool = True
    lkj_eta: Annotated[float, Field(gt=0)] = 2.0


class PriorMeansSection(Section):
    """Predictions of a learning run that enter as prior means m of the levels: weight · m."""

    run: str
    weight: Prior = Normal(
        dist="normal", mean=1.0, sd=0.25, unit="1", reason="a good prediction counts fully"
    )


class _BlockSpec(FlowSpec):
    """A block that can be fitted alone."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Return the block itself."""
        return (self,)  # type: ignore[return-value]

    @property
    def covariance(self) -> CovarianceSection:
        """Nothing to share: there is one block."""
        return CovarianceSection(shared=False)

    @property
    def prior_means(self) -> None:
        """Only a joint file names a learning run."""


class StockSpec(_BlockSpec):
    """Carbon density of soil layers."""

    model: Literal["stock"]
    model_options: ModelSection = ModelSection()
    priors: StockPriors
    joint_priors: StockJointPriors


class BnppSpec(_BlockSpec):
    """Belowground net primary production, the carbon input by roots."""

    model: Literal["bnpp"]
    priors: LevelPriors


class FBnppSpec(_BlockSpec):
    """Share of net primary production that goes below ground."""

    model: Literal["f_bnpp"]
    priors: LevelPriors


class RootsSpec(_BlockSpec):
    """Depth distribution of roots."""

    model: Literal["roots"]
    priors: RootsPriors


Block = TurnoverSpec | StockSpec | BnppSpec | FBnppSpec | RootsSpec


NamedBlock = Annotated[Block, Field(discriminator="model")]


class JointSpec(FlowSpec):
    """Several blocks whose biome effects share one covariance.

    A block brings its priors (turnover: its likelihood and atmosphere too); which rows enter,
    covariates, sampler and gate are those of the joint file.
    """

    model: Literal["joint"]
    blocks: Annotated[tuple[NamedBlock, ...], Field(strict=False, min_length=1)]
    covariance: CovarianceSection = CovarianceSection()
    prior_means: PriorMeansSection | None = None

    @model_validator(mode="after")
    def _blocks_fit_together(self) -> JointSpec:
        names = [block.model for block in self.blocks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"blocks names {', '.join(twice)} twice; it must name each block once")
        depths = {
            block.model_options.reference_depth_cm
            for block in self.blocks
            if isinstance(block, TurnoverSpec | StockSpec)
        }
        if len(depths) > 1:
            shown = " and ".join(f"{depth:g}" for depth in sorted(depths))
            raise ValueError(
                f"the blocks turnover and stock differ in reference_depth_cm: {shown}; the joint "
                "model needs one"
            )
        for block in self.blocks:
            if isinstance(block, TurnoverSpec) and block.joint_priors is None:
                raise ValueError("the block turnover has no [joint_priors]; it must have them")
        return self


FlowModel = JointSpec | StockSpec | BnppSpec | FBnppSpec | RootsSpec
"""Every model that :mod:`bayes_rootc.models.flow` builds."""
