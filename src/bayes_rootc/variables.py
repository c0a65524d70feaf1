"""The one list of dimension and variable names, the same in memory and on disk."""

from __future__ import annotations

from dataclasses import dataclass

from bayes_rootc.layers import MAX_DEPTH_CM


@dataclass(frozen=True)
class Variable:
    """Units and meaning of a stored variable (CF style)."""

    units: str
    long_name: str


# Dimensions, the same in memory and on disk. `layer` is an observed soil layer, `standard_layer`
# one of the seven.
CHAIN, DRAW = "chain", "draw"
BIOME, LAYER, PROFILE = "biome", "layer", "profile"
STANDARD_LAYER, COVARIATE, MODE, THETA = "standard_layer", "covariate", "mode", "theta"
DRAW_KEPT, COMPONENT, VARIABLE = "draw_kept", "component", "variable"
GRID_COMPONENT = "grid_component"  # a component that is no prior mean
EFFECT, EFFECT_OTHER = "effect", "effect_other"
PLACE, NPP_SITE, ROOT_PROFILE = "place", "npp_site", "root_profile"

CORRELATION = "biome_correlation"
"""Variable that holds the correlation of the biome effects of two quantities."""


@dataclass(frozen=True)
class Effect:
    """A quantity of the joint model: scale of its biome effects, and what that is in words."""

    units: str
    scale: str


_EFFECTS = {
    "k": Effect("ln yr-1", "ln k"),
    "rho": Effect("ln Mg C ha-1 cm-1", "ln carbon density"),
    "bnpp": Effect("ln Mg C ha-1 yr-1", "ln BNPP"),
    "f_bnpp": Effect("logit 1", "logit BNPP/NPP"),
    "d50": Effect("ln cm", "ln D50"),
}
EFFECTS = tuple(_EFFECTS)
"""Quantities with one effect a biome, in the order of their joint covariance."""

EFFECT_OF = dict(zip(("turnover", "stock", "bnpp", "f_bnpp", "roots"), EFFECTS, strict=True))
"""Block of the joint model → the quantity whose biome effects it holds."""


def _level_variables(name: str, effect: Effect) -> dict[str, Variable]:
    """Parameters that every quantity has."""
    scale = effect.scale
    return {
        f"alpha_{name}": Variable(effect.units, f"{scale} of the typical biome"),
        f"gamma_{name}": Variable("1", f"effect of one unit of a component on {scale}"),
        f"lambda_{name}": Variable("1", f"weight of the predicted {scale} of other places"),
        f"sigma_gamma_{name}": Variable(
            "1", f"standard deviation of the effects of a component on {scale} between biomes"
        ),
        f"slopes_{name}": Variable("1", f"effect of one unit of a component on {scale} in a biome"),
        f"sigma_biome_{name}": Variable("1", f"standard deviation of {scale} between biomes"),
        f"a_{name}": Variable(effect.units, f"{scale} of a biome where the components are 0"),
        f"sigma_place_{name}": Variable(
            "1", f"standard deviation of {scale} between sites of a biome"
        ),
        f"tau_{name}": Variable("1", f"standard deviation of {scale} within a site or profile"),
    }


def _depth_variables(name: str, effect: Effect) -> dict[str, Variable]:
    """Parameters of the quantities that change with depth."""
    scale = effect.scale
    return {
        f"beta_{name}": Variable("1", f"slope of {scale} on the depth basis, typical biome"),
        f"sigma_slope_{name}": Variable(
            "1", f"standard deviation of the depth slope of {scale} between biomes"
        ),
        f"s_{name}": Variable("1", f"slope of {scale} on the depth basis in a biome"),
        f"sigma_profile_{name}": Variable(
            "1", f"standard deviation of {scale} between profiles of a site or biome"
        ),
    }


_FLOWS = {
    "i_root": "carbon input by roots",
    "i_bulk": "carbon input into the bulk soil",
    "i_loss": "root carbon lost before it enters the bulk soil",
}
_AVERAGES = {"mean": "mean of the population", "typical": "typical site of the population"}


def _flow_variables() -> dict[str, Variable]:
    """Flows of a biome, by layer and over the profile, as mean and at the typical site."""
    found = {}
    for average, of in _AVERAGES.items():
        for name, meaning in _FLOWS.items():
            unit = "Mg C ha-1 yr-1"
            found[f"{name}_{average}"] = Variable(unit, f"{meaning}, by layer, {of} of a biome")
            found[f"{name}_total_{average}"] = Variable(
                unit, f"{meaning}, 0-{MAX_DEPTH_CM} cm, {of} of a biome"
            )
        found[f"loss_share_{average}"] = Variable(
            "1", f"share of the root input that is lost, 0-{MAX_DEPTH_CM} cm, {of} of a biome"
        )
    return found


SHAPE, SHAPE_SLOPE = "shape", "shape_slope"
"""Parameters of a sampled shape: at the reference depth; change of its logarithm with d(z)."""

STACKED = "stacked"
"""Name of the mixture of all structures of a layer's carbon."""

VARIABLES = {
    # parameters of the turnover model
    "alpha": Variable("ln yr-1", "ln k of the typical biome at the reference depth"),
    "beta": Variable("1", "slope of ln k on the depth basis, typical biome"),
    "gamma": Variable("1", "effect of one standard deviation of a covariate on ln k"),
    "a_biome": Variable("ln yr-1", "ln k of a biome at the reference depth"),
    "s_biome": Variable("1", "slope of ln k on the depth basis in a biome"),
    "eta_profile": Variable("ln yr-1", "ln k of a profile at the reference depth"),
    "sigma_biome": Variable("1", "standard deviation of ln k between biomes"),
    "sigma_slope": Variable("1", "standard deviation of the depth slope between biomes"),
    "sigma_profile": Variable("1", "standard deviation of ln k between profiles of a biome"),
    "tau": Variable("1", "standard deviation of ln k between layers of a profile"),
    # observations and predictions
    "delta14c": Variable("per mil", "Δ14C of bulk soil carbon"),
    "delta14c_sd": Variable(
        "per mil", "scale of the Student-t error of Δ14C, model error included"
    ),
    "k": Variable("yr-1", "decay rate of bulk soil carbon"),
    "c_age": Variable("yr", "turnover time of bulk soil carbon, 1/k"),
    "age_factor": Variable("1", "mean age of the stored carbon over its turnover time"),
    "shape": Variable("1", "shape of the distribution of decay rates within a layer"),
    "shape_slope": Variable("1", "change of ln shape with depth, per unit of the depth basis"),
    "n_modes": Variable("1", "number of solutions (modes) of the posterior of ln k"),
    "mode_mass": Variable("1", "posterior mass of a solution"),
    "mode_c_age": Variable("yr", "median turnover time within a solution"),
    # layer description
    "top_cm": Variable("cm", "top of the layer below the top of the mineral soil"),
    "bottom_cm": Variable("cm", "bottom of the layer below the top of the mineral soil"),
    "sample_year": Variable("year", "calendar year of sampling"),
    "lat": Variable("degrees_north", "latitude"),
    "lon": Variable("degrees_east", "longitude"),
    "mat": Variable("degC", "mean annual temperature"),
    "map": Variable("mm yr-1", "mean annual precipitation"),
    "depth_cm": Variable("cm", "middle of the layer below the top of the mineral soil"),
    "row": Variable("1", "data row of the layer in its file"),
    "entry": Variable("1", "data set of the layer"),
    "site": Variable("1", "site of the layer"),
    "zone": Variable("1", "atmospheric zone of Hua et al. (2021)"),
    "sample_time": Variable("year", "moment of sampling, decimal calendar year"),
    "profile_index": Variable("1", "position of the layer's profile, from 0"),
    "biome_index": Variable("1", "position of the layer's biome, from 0"),
    "profile_biome_index": Variable("1", "position of the profile's biome, from 0"),
    "covariates": Variable("1", "standardised covariates of the profile"),
    "biome_covariates": Variable("1", "mean standardised covariates of the biome's profiles"),
    "n_layers": Variable("1", "layers with data in the biome"),
    "n_profiles": Variable("1", "profiles with data in the biome"),
    # biomes by depth
    "k_typical": Variable("yr-1", "decay rate at the typical (median) site of a biome"),
    "k_mean": Variable("yr-1", "mean decay rate over the sites of a biome"),
    "c_age_typical": Variable("yr", "turnover time at the typical (median) site of a biome"),
    "c_age_mean": Variable("yr", "mean turnover time over the sites of a biome"),
    # grid and atmosphere
    "theta": Variable("ln yr-1", "grid of ln k"),
    "year": Variable("year", "decimal calendar year of the atmospheric curve"),
    "atmosphere_delta14c": Variable("per mil", "Δ14C of the carbon that enters the soil"),
    "extrapolated_from": Variable("year", "last year of the atmospheric record"),
    # the joint model of inputs, stocks and losses
    **{
        key: v
        for name, effect in _EFFECTS.items()
        for key, v in _level_variables(name, effect).items()
    },
    **{
        key: v for name in ("k", "rho") for key, v in _depth_variables(name, _EFFECTS[name]).items()
    },
    "eta": Variable("ln yr-1", "ln k of a profile at the reference depth"),
    "eta_rho": Variable(
        "ln Mg C ha-1 cm-1", "ln carbon density of a profile at the reference depth"
    ),
    "place_rho": Variable("1", "effect of the profile's site on ln carbon density"),
    "kappa": Variable("1", "change of a profile's ln carbon density with its own ln k"),
    "bd_intercept": Variable(
        "ln g cm-3", "ln bulk density where ln carbon density and depth are 0"
    ),
    "bd_slope": Variable("1", "slope of ln bulk density on ln carbon density"),
    "bd_depth": Variable("1", "slope of ln bulk density on the depth basis"),
    "tau_bd": Variable("1", "standard deviation of ln bulk density at one carbon density"),
    "alpha_ratio": Variable("1", "ln ln(D95/D50) of the typical biome"),
    "sigma_biome_ratio": Variable("1", "standard deviation of ln ln(D95/D50) between biomes"),
    "a_ratio": Variable("1", "ln ln(D95/D50) of a biome"),
    "ratio_d50": Variable("1", "slope of ln ln(D95/D50) on ln D50"),
    "sigma_place_ratio": Variable(
        "1", "standard deviation of ln ln(D95/D50) between sites of a biome"
    ),
    "tau_ratio": Variable("1", "standard deviation of ln ln(D95/D50) within a site"),
    CORRELATION: Variable("1", "correlation of the biome effects of two quantities"),
    # their data, and what follows for layers and sites
    "bnpp_observed": Variable("ln Mg C ha-1 yr-1", "ln BNPP of a record"),
    "f_bnpp_observed": Variable("logit 1", "logit BNPP/NPP of a record"),
    "d50_observed": Variable("ln cm", "ln D50 of a root profile"),
    "ratio_observed": Variable("1", "ln ln(D95/D50) of a root profile"),
    "d50": Variable("ln cm", "ln D50"),
    "ratio": Variable("1", "ln ln(D95/D50)"),
    "place_lat": Variable("degrees_north", "latitude of the place"),
    "place_lon": Variable("degrees_east", "longitude of the place"),
    "rho": Variable("Mg C ha-1 cm-1", "carbon density"),
    "bnpp": Variable("Mg C ha-1 yr-1", "belowground net primary production"),
    "npp": Variable("Mg C ha-1 yr-1", "net primary production"),
    "gridded_npp": Variable("Mg C ha-1 yr-1", "net primary production of the grid"),
    "f_bnpp": Variable("1", "share of net primary production that goes below ground"),
    "d50_cm": Variable("cm", "depth above which half of the roots lie"),
    "d95_cm": Variable("cm", "depth above which 95 % of the roots lie"),
    "pct_c": Variable("%", "organic carbon"),
    "bulk_density": Variable("g cm-3", "bulk density"),
    "coarse": Variable("1", "volume fraction of coarse fragments"),
    "profile_place_index": Variable("1", "position of the profile's place, from 0"),
    "npp_site_biome_index": Variable("1", "position of the NPP site's biome, from 0"),
    "npp_site_place_index": Variable("1", "position of the NPP site's place, from 0"),
    "root_biome_index": Variable("1", "position of the root profile's biome, from 0"),
    "root_place_index": Variable("1", "position of the root profile's place, from 0"),
    "components": Variable("1", "principal components of the covariates of the place"),
    "component_loadings": Variable("1", "loading of a variable on a component"),
    "component_variance": Variable("1", "variance of a component, in standardised variables"),
    "component_group": Variable("1", "group of variables that the component reduces"),
    "variable_mean": Variable("1", "mean of a variable, as it entered"),
    "variable_sd": Variable("1", "standard deviation of a variable, as it entered"),
    "n_densities": Variable("1", "layers of known carbon content or bulk density in the biome"),
    "n_density_profiles": Variable("1", "profiles of known carbon content or bulk density"),
    "n_root_sites": Variable("1", "sites with root profiles in the biome"),
    "n_bnpp_sites": Variable("1", "sites with BNPP in the biome"),
    "n_f_bnpp_sites": Variable("1", "sites with BNPP and NPP in the biome"),
    "n_root_profiles": Variable("1", "root profiles in the biome"),
    **_flow_variables(),
    # sampler
    "diverging": Variable("1", "whether the trajectory diverged"),
    "energy": Variable("1", "Hamiltonian energy"),
    "tree_depth": Variable("1", "depth of the trajectory's tree"),
    "n_steps": Variable("1", "leapfrog steps of the trajectory"),
    "step_size": Variable("1", "step size of the leapfrog integrator"),
    "acceptance_rate": Variable("1", "mean acceptance of the trajectory"),
    "lp": Variable("1", "log density of the draw on the unconstrained scale"),
}
