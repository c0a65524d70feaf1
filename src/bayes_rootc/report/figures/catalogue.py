"""The figures of a report: name → what it shows and how it is drawn."""

from __future__ import annotations

from bayes_rootc.report.figures import (
    bomb_curve,
    depth_profile,
    observed_predicted,
    pit,
    prior_posterior,
    rank_plots,
)
from bayes_rootc.report.figures.record import FigureRecord

FIGURES = {
    "depth_profile": FigureRecord(
        "Turnover time over depth",
        "Turnover time C_age = 1/k of bulk soil carbon by biome. Solid line and band: posterior "
        "median and 95 % interval of the typical (median) site; dashed line: mean over sites, "
        "which is longer because turnover times are log-normal. Points: posterior medians of "
        "single layers. A biome without layers is predicted from the population of biomes.",
        depth_profile.draw,
        depth_profile.data,
    ),
    "prior_posterior": FigureRecord(
        "What the data taught the model",
        "Prior (pale) and posterior (dark) of the population parameters, each scaled to its own "
        "peak. Where both have the same shape, the data said little. In a simulated world the "
        "dashed line is the truth.",
        prior_posterior.draw,
        prior_posterior.data,
    ),
    "observed_predicted": FigureRecord(
        "Observed and predicted Δ14C",
        "Each layer's measured Δ14C against the median of its replicates: new decay rates around "
        "the mean of its profile and depth, with measurement error. The title states which share "
        "of the layers lies inside its interval; much less than stated means overconfidence.",
        observed_predicted.draw,
        observed_predicted.data,
    ),
    "pit": FigureRecord(
        "Calibration of single layers",
        "Probability, according to the model fitted without the layer, of a smaller Δ14C than the "
        "measured one. Calibrated predictions give a flat histogram; a hump means intervals too "
        "wide, a bowl too narrow, a slope a bias. Layers of one profile are not independent, so "
        "the band is somewhat too strict. With too few stored draws the layer itself is not left "
        "out (PIT instead of LOO-PIT).",
        pit.draw,
        pit.data,
    ),
    "bomb_curve": FigureRecord(
        "Atmosphere and layers",
        "Δ14C of the atmosphere by zone, and of the soil layers in the year they were sampled. "
        "Layers above every curve up to their sampling cannot be explained by any turnover time.",
        bomb_curve.draw,
        bomb_curve.data,
    ),
    "rank_plots": FigureRecord(
        "Do the chains agree?",
        "Ranks of each chain's draws among the draws of all chains. Chains that have found the "
        "same distribution have flat histograms; a chain that piles up at one end has not mixed. "
        "Successive draws depend on each other, so somewhat more bins than one in twenty may "
        "leave the band.",
        rank_plots.draw,
        rank_plots.data,
    ),
}
