"""What the tables of a report are computed from, as paths of the stored run.

A path is ``group/name`` of the DataTree, with shell wildcards, ``attributes/name`` of its root, or
a file beside it (``diagnostics.json``) or in the package (``study.csv``). Labels of dimensions are
not listed. The lists are exact: tests move what is listed, and what is not, one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import groupby

import xarray as xr

from bayes_rootc.variables import SHAPE, SHAPE_SLOPE

Source = tuple[str, ...]
ATTRIBUTES = "attributes"

STUDY = "study.csv"
DIAGNOSTICS = "diagnostics.json"


def paths_of(run: xr.DataTree) -> list[str]:
    """Variables (group/name) and attributes (attributes/name) of a run."""
    variables = [f"{where}/{name}" for where in run.children for name in run[where].data_vars]
    return [*variables, *(f"{ATTRIBUTES}/{name}" for name in run.attrs)]


def found_in(run: xr.DataTree, source: Source) -> Source:
    """Leave out what a run does not have: blocks it was fitted without, for instance."""
    known = paths_of(run)
    return tuple(path for path in source if "/" not in path or any(matches(path, known)))


def matches(pattern: str, paths: Iterable[str]) -> list[str]:
    """Paths that a pattern stands for."""
    return [path for path in paths if fnmatchcase(path, pattern)]


def in_words(source: Source) -> str:
    """Write a source for people, by group.

    Examples
    --------
    >>> in_words(("posterior/a_k", "posterior/s_k", "study.csv"))
    'Computed from posterior: a_k, s_k; study.csv.'
    """
    parts = []
    for where, paths in groupby(source, key=lambda path: path.rpartition("/")[0]):
        names = ", ".join(path.removeprefix(f"{where}/") for path in paths)
        parts.append(f"{where}: {names}" if where else names)
    return f"Computed from {'; '.join(parts)}." if parts else ""


def _of(where: str, *names: str) -> Source:
    return tuple(f"{where}/{name}" for name in names)


# --- layers and parameters -------------------------------------------------------------------

POPULATION = (
    *_of("posterior", "alpha*", "beta*", "gamma*", "sigma_*", "tau*", "kappa", "bd_*", "ratio_d50"),
    "attributes/truth",
)
BIOMES = _of("posterior", "a_biome", "s_biome") + _of("constant_data", "n_layers", "n_profiles")
BIOMES = (*BIOMES, "attributes/truth")
_COUNTED_LAYERS = _of("constant_data", "depth_cm", "profile_index", "biome_index", "n_layers")
TURNOVER = (*_of("derived", "c_age_*", "k_*"), *_COUNTED_LAYERS)
TURNOVER_KEY = (
    "derived/c_age_typical", *_of("constant_data", "depth_cm", "biome_index", "n_layers")
)  # fmt: skip
TWO_MODES = (
    *_of("derived", "n_modes", "mode_mass", "mode_c_age"),
    *_of("constant_data", "row", "entry", "site", "profile_index", "biome_index", "top_cm"),
    *_of("constant_data", "bottom_cm", "sample_year"),
    "observed_data/delta14c",
)
DROPPED = ("attributes/drops",)
IMPLAUSIBLE = ("attributes/implausible",)

# --- flows of biomes -------------------------------------------------------------------------

_DATA = _of(
    "constant_data", "n_profiles", "n_densities", "n_bnpp_sites", "n_f_bnpp_sites",
    "n_root_profiles",
)  # fmt: skip
COUNTS = (*_DATA, "constant_data/n_layers")
FLOWS = (*_of("derived", "i_*_total_mean", "i_*_total_typical"), *COUNTS)
DEPTHS = (*_of("derived", *(f"i_{f}_{a}" for a in ("mean", "typical")
                            for f in ("root", "bulk", "loss"))), *_DATA)  # fmt: skip
CONTRASTS = _of("derived", "i_loss_total_mean", "i_loss_total_typical")
EFFECTS = (*_of("posterior", "a_*", "s_k", "s_rho"), *_DATA, "attributes/truth")
COEFFICIENTS = (*_of("posterior", "beta_*", "gamma_*", "slopes_*", "s_k", "s_rho"), *_DATA)
LOADINGS = _of("constant_data", "component_loadings", "component_variance", "component_group")

# --- sites -----------------------------------------------------------------------------------

_OF_A_KIND = _of("constant_data", "profile_*_index", "npp_site_*_index", "root_*_index")
TYPICAL_TURNOVER = (
    *_of("posterior", "a_k", "slopes_k", "s_k"), "constant_data/components", *_OF_A_KIND,
    *_of("constant_data", "depth_cm", "profile_index", "biome_index"), "attributes/spec",
)  # fmt: skip
TYPICAL_LEVELS = (
    *_of("posterior", "a_k", "a_rho", "a_bnpp", "a_f_bnpp", "a_d50", "slopes_*"),
    "constant_data/components", *_OF_A_KIND, *_DATA,
)  # fmt: skip
_BULK = (
    *_of("posterior", "a_k", "a_rho", "slopes_k", "slopes_rho", "s_k", "s_rho", "eta", "kappa"),
    *_of("posterior", "sigma_profile_*", "sigma_place_k", "sigma_place_rho", "tau_k", "tau_rho"),
)
_ROOT = _of("posterior", "a_bnpp", "slopes_bnpp", "sigma_place_bnpp")
_LAYERS = _of("constant_data", "components", "profile_index", "top_cm", "bottom_cm")
LOSSES = (
    *_BULK, *_ROOT, *_of("posterior", "a_f_bnpp", "slopes_f_bnpp", "sigma_place_f_bnpp"),
    *_of("derived", "k", "rho", "eta_rho", "bnpp", "f_bnpp"),
    *_LAYERS, *_OF_A_KIND, *_of("constant_data", "gridded_npp", "d50_cm", "d95_cm"),
    *_of("attributes", "seed", "spec"),
)  # fmt: skip
R2 = (
    *_BULK, *_ROOT, "posterior/tau_bnpp", *_of("derived", "eta_rho", "bnpp"), *_LAYERS,
    *_of("constant_data", "profile_*_index", "npp_site_*_index"), "attributes/spec",
)  # fmt: skip
ANSWER = (*LOSSES, STUDY)
COMPARISON = (
    *dict.fromkeys([*LOSSES, "posterior/tau_bnpp", "derived/i_*_total_mean",
                    "constant_data/depth_cm", *_DATA, STUDY]),
)  # fmt: skip

# --- comparisons of structures: each run of a folder --------------------------------------------

POINTWISE = "pointwise.csv"
"""Scores of single layers, from which stacking weights come too."""

FOLDS, LEFT_OUT = "folds/*.csv", "turnover/*/log_likelihood/delta14c"
COMPARED = (POINTWISE, LEFT_OUT, FOLDS)
HELD_OUT = (POINTWISE, FOLDS)
"""Of held-out groups alone; stacking weights too, where there are groups enough to hold out."""

SHAPES = _of("turnover/*/posterior", SHAPE, SHAPE_SLOPE)
AGES = (*_of("turnover/*/derived", "k_typical", "age_factor"), *HELD_OUT)
SURVIVAL = (*(f"joint/*/{path}" for path in LOSSES), *HELD_OUT)
TIMES = ("turnover/*/diagnostics.json", "joint/*/diagnostics.json")
