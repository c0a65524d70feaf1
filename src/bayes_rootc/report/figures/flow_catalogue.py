"""The figures of a run of the flow models: name → what it shows and how it is drawn."""

from __future__ import annotations

import dataclasses

from bayes_rootc.report.figures import (
    coefficients,
    flow_depth,
    loadings,
    loss_biomes,
    loss_densities,
    six_estimates,
)
from bayes_rootc.report.figures.catalogue import FIGURES
from bayes_rootc.report.figures.record import FigureRecord
from bayes_rootc.variables import EFFECTS

_ALL_BLOCKS = tuple(f"posterior/a_{name}" for name in EFFECTS)
_COMPONENTS = ("constant_data/components", "constant_data/component_loadings")
_REPLICATES = ("posterior_predictive/delta14c", "observed_data/delta14c")

LOSS_FIGURES = {
    "loss_densities": FigureRecord(
        "I_root, I_bulk and I_loss at single sites",
        "Density over sites and posterior draws, 0-200 cm, by estimate (as the study's Fig. 1). "
        "The table gives the mean over sites of each estimate with its 95 % interval; “mean”: of "
        "the six. Dotted: the study's global mean. The title says how much lies within the axis.",
        loss_densities.draw,
        loss_densities.data,
        needs=_ALL_BLOCKS,
    ),
    "loss_biomes": FigureRecord(
        "I_loss by biome",
        "Mean and typical site (no residuals) of the population of a biome: posterior median and "
        "95 % interval. Biomes that share a letter (beside one kind of marker) are not shown to "
        "differ. “population”: "
        "the biome has no data of that block, so its number comes from the population of biomes.",
        loss_biomes.draw,
        loss_biomes.data,
        needs=_ALL_BLOCKS,
    ),
    "six_estimates": FigureRecord(
        "Six estimates",
        "I_loss and its share of I_root over all sites of each estimate, posterior median and "
        "95 % interval, with the study's number (dotted) and its range (band).",
        six_estimates.draw,
        six_estimates.data,
        needs=_ALL_BLOCKS,
    ),
    "depth_absolute": FigureRecord(
        "Over depth, absolute",
        "Flow per cm of depth in each standard layer (as the study's Fig. 3), on an axis that is "
        "linear near 0 and logarithmic beyond; mean of the population of sites of each biome, "
        "posterior median and 95 % interval; a triangle at the edge: it goes on.",
        flow_depth.draw,
        flow_depth.data,
        needs=("derived/i_root_mean", "derived/i_bulk_mean", "derived/i_loss_mean"),
    ),
    "depth_percent": FigureRecord(
        "Over depth, percent",
        "Share of each flow's own total over 0-200 cm. Where I_loss is near 0 in total, its "
        "shares are hardly known and their bars leave the panel (a triangle at its edge).",
        flow_depth.draw_percent,
        flow_depth.data,
        needs=("derived/i_root_mean", "derived/i_bulk_mean", "derived/i_loss_mean"),
    ),
}
"""Figures of inputs and losses: those that the verb ``loss`` writes."""

FLOW_FIGURES = {
    **LOSS_FIGURES,
    "driver_map": FigureRecord(
        "Drivers by biome",
        "Coefficient of each component (as the study's Fig. 2), posterior mean; bold where the "
        "95 % interval does not hold 0, else grey; a star where the biome has no data of its own. "
        "Depth slopes are much larger and have no colour.",
        coefficients.draw,
        coefficients.data,
        needs=_COMPONENTS,
    ),
    "loading_map": FigureRecord(
        "Loadings of the components",
        "Loading of every standardised grid variable on the components of its group.",
        loadings.draw,
        loadings.data,
        needs=_COMPONENTS,
    ),
    "prior_posterior": FIGURES["prior_posterior"],
    "observed_predicted": dataclasses.replace(FIGURES["observed_predicted"], needs=_REPLICATES),
    "pit": dataclasses.replace(FIGURES["pit"], needs=_REPLICATES),
    "bomb_curve": dataclasses.replace(
        FIGURES["bomb_curve"], needs=("constant_data/atmosphere_delta14c",)
    ),
    "rank_plots": FIGURES["rank_plots"],
}
