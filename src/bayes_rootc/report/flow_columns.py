"""The tables of a run of the flow models: what they say, which columns people see."""

from __future__ import annotations

import dataclasses

from bayes_rootc.layers import EFFECTS
from bayes_rootc.loss.drivers import r2_table
from bayes_rootc.report import flow_tables, loss_tables, numbers
from bayes_rootc.report.columns import (
    SUMMARY,
    TABLES,
    Column,
    Interval,
    TableRecord,
    WithTitle,
)
from bayes_rootc.report.comparison import comparison_table
from bayes_rootc.report.drivers import coefficients_table, loadings_table
from bayes_rootc.report.sensitivity import sensitivity_table
from bayes_rootc.report.stored import biome_name

ALL_BLOCKS = tuple(f"posterior/a_{name}" for name in EFFECTS)
"""What a run must hold so that losses follow from it."""

_COMPONENTS = ("constant_data/components", "constant_data/component_loadings")
_MG = "(Mg C ha⁻¹ yr⁻¹)"

_FLOWS = {"i_root": "I_root", "i_bulk": "I_bulk", "i_loss": "I_loss"}
_ESTIMATE: tuple[WithTitle, ...] = (
    Column("estimate", "estimate"),
    Column("sites", "sites"),
    Column("statistic", "statistic"),
    Column("n_sites", "sites (number)", numbers.whole),
)
_BY_ESTIMATE: tuple[WithTitle, ...] = (
    *(Interval(key, f"{name} {_MG}", middle="_q50") for key, name in _FLOWS.items()),
    Interval("loss_share", "I_loss / I_root (–)", middle="_q50"),
    Interval("turnover_bias", "I_root / I_bulk (–)", middle="_q50"),
    Interval("p_loss_negative", "share of sites with I_loss < 0 (–)", middle="_q50"),
    Column("p_statistic_negative", "P(I_loss < 0) (–)", numbers.two_decimals),
)


def _biome_text(key: object) -> str:
    return biome_name(str(key))


def _share_columns() -> list[WithTitle]:
    found: list[WithTitle] = []
    for average, name in flow_tables.AVERAGES.items():
        found.append(Interval(f"loss_share_{average}", f"I_loss / I_root, {name} (–)"))
        title = f"P(I_loss < 0), {name} (–)"
        found.append(Column(f"p_loss_negative_{average}", title, numbers.two_decimals))
        found.append(Interval(f"turnover_bias_{average}", f"I_root / I_bulk, {name} (–)"))
    return found


LOSS_TABLES: dict[str, TableRecord] = {
    "flows": TableRecord(
        "I_root, I_bulk and I_loss of each biome",
        "Over 0-200 cm, posterior median and 95 % interval. Mean: of the population of sites of "
        "the biome. Typical: its typical site, without residuals. These quantities are log-normal, "
        "so the mean is larger than the typical site. Biomes that share a letter are not shown to "
        "differ in I_loss (the 95 % interval of the difference holds 0). “from the population”: "
        "the biome has no data of that block.",
        lambda run, _: loss_tables.flows_with_letters(run),
        (
            Column("biome", "biome"),
            *(Interval(f"{key}_mean", f"{name}, mean {_MG}")
              for key, name in _FLOWS.items()),
            Column("letters_mean", "letters, mean"),
            *(Interval(f"{key}_typical", f"{name}, typical site {_MG}")
              for key, name in _FLOWS.items()),
            Column("letters_typical", "letters, typical"),
            Column("from_population", "from the population"),
        ),
        needs=("derived/i_root_total_mean",),
    ),
    "shares": TableRecord(
        "How much is lost, and how much too fast bulk soil carbon looks",
        "I_loss as a share of I_root, the probability that I_loss is negative (more enters the "
        "bulk soil than roots bring, as by illuviation), and the turnover bias I_root / I_bulk: "
        "the factor by which bulk soil carbon would look too fast if all root carbon entered it.",
        lambda run, _: flow_tables.flows_table(run),
        (
            Column("biome", "biome"),
            *_share_columns(),
            Column("from_population", "from the population"),
        ),
        needs=ALL_BLOCKS,
    ),
    "estimates": TableRecord(
        "The six estimates",
        "All sites of each kind, 0-200 cm; every number is computed in every draw and summarised "
        "last. What was measured at a site enters as its posterior, the rest is predicted with "
        "the scatter of single sites.",
        lambda run, _: loss_tables.estimates_table(run),
        (
            *_ESTIMATE, Column("i_root_from", "I_root from"),
            Column("depth_share_from", "depth share from"), Column("i_bulk_from", "I_bulk"),
            *_BY_ESTIMATE,
        ),
        needs=ALL_BLOCKS,
    ),
    "losses": TableRecord(
        "Losses by estimate, biome and layer",
        "As above for every biome with sites and every standard layer; a biome without sites has "
        "no row here (see the biomes above).",
        lambda run, _: loss_tables.ordered_losses(run),
        (*_ESTIMATE, Column("biome_name", "biome"), Column("layer_cm", "layer (cm)"),
         *_BY_ESTIMATE),
        limit=20,
        needs=ALL_BLOCKS,
    ),
    "depths": TableRecord(
        "Over depth",
        "Flow in each standard layer, and its share of the same flow over 0-200 cm, computed in "
        "every draw. Shares of I_loss may be negative or above 100 %.",
        lambda run, _: flow_tables.depth_table(run),
        (
            Column("biome", "biome"),
            Column("statistic", "statistic"),
            Column("standard_layer_cm", "layer (cm)"),
            *(Interval(key, f"{name} {_MG}") for key, name in _FLOWS.items()),
            *(Interval(f"{key}_percent", f"{name} (%)") for key, name in _FLOWS.items()),
            Column("from_population", "from the population"),
        ),
        limit=72,
        needs=("derived/i_root_typical",),
    ),
    "contrasts": TableRecord(
        "Differences between biomes",
        "Difference of I_loss over 0-200 cm (first biome minus second), posterior mean and 95 % "
        "interval, and the probability that the first loses more.",
        lambda run, _: loss_tables.contrasts(run),
        (
            Column("name_1", "first biome"),
            Column("name_2", "second biome"),
            Column("statistic", "statistic"),
            Interval("difference", f"difference {_MG}"),
            Column("p_greater", "P(first > second) (–)", numbers.two_decimals),
        ),
        limit=36,
        needs=ALL_BLOCKS,
    ),
    "comparison": TableRecord(
        "Beside the study",
        "The numbers of the reference study (preprint rs-65178, Research Square: point estimates "
        "and machine learning) that could be read, and ours: posterior median and 95 % interval. "
        "Flows in Mg C ha⁻¹ yr⁻¹, C_age in years, shares and R² of 1.",
        lambda run, _: comparison_table(run),
        (
            Column("figure", "study's figure"),
            Column("what", "what"),
            Column("biome_name", "where"),
            Column("layer_cm", "layer (cm)"),
            Column("theirs_text", "study"),
            Interval("ours", "ours"),
            Column("verdict", "the study's number is"),
            Column("our_data", "our data"),
            Column("why", "why they may differ"),
        ),
        needs=ALL_BLOCKS,
    ),
}  # fmt: skip
"""Tables of inputs and losses: those that the verb ``loss`` writes."""

DRIVER_TABLES: dict[str, TableRecord] = {
    "coefficients": TableRecord(
        "Coefficients of the components",
        "Change on the log (or logit) scale by one unit of a component, posterior mean and 95 % "
        "interval; “depth”: slope on the depth basis. ln I_bulk is ln k + ln carbon density.",
        lambda run, _: coefficients_table(run),
        (
            Column("title", "quantity"),
            Column("biome", "biome"),
            Column("component", "component"),
            Interval("coefficient", "coefficient (–)"),
            Column("holds_zero", "interval holds 0", numbers.yes),
            Column("n", "data", numbers.whole),
            Column("basis", "rests on"),
        ),
        limit=40,
        hide_if_empty=True,
        needs=_COMPONENTS,
    ),
    "r2": TableRecord(
        "How much they explain",
        "Bayesian R²: variance of what is predicted over that and the residual variance (Gelman "
        "et al. 2019), posterior median and 95 % interval.",
        lambda run, _: r2_table(run),
        (
            Column("quantity", "quantity"),
            Column("predictor", "predicted by"),
            Column("n", "sites or layers", numbers.whole),
            Interval("r2", "R² (–)", middle="_q50"),
        ),
        needs=ALL_BLOCKS,
    ),
    "loadings": TableRecord(
        "What the components are made of",
        "Loadings on the standardised grid variables; variance of the component in the same unit.",
        lambda run, _: loadings_table(run),
        (),
        needs=_COMPONENTS,
    ),
}

_PARAMETERS: dict[str, TableRecord] = {
    "turnover": TableRecord(
        "Turnover time and decay rate by biome and standard layer",
        "Typical site of each biome (its mean components), posterior median and 95 % interval; "
        "“rests on” as in the turnover report.",
        lambda run, _: flow_tables.typical_turnover_table(run),
        TABLES["turnover"].columns,
        needs=("posterior/a_k", "posterior/s_k", "constant_data/depth_cm"),
    ),
    "data": TableRecord(
        "Data behind each biome",
        "Layers, profiles and sites that entered; blocks without any data of the biome come from "
        "the population of biomes.",
        lambda run, _: flow_tables.counts_table(run),
        (
            Column("biome", "biome"),
            Column("n_layers", "layers", numbers.whole),
            Column("n_profiles", "Δ14C profiles", numbers.whole),
            Column("n_densities", "carbon densities", numbers.whole),
            Column("n_bnpp_sites", "BNPP sites", numbers.whole),
            Column("n_f_bnpp_sites", "BNPP/NPP sites", numbers.whole),
            Column("n_root_profiles", "root profiles", numbers.whole),
            Column("from_population", "from the population"),
        ),
    ),
    "population": TABLES["population"],
    "biomes": TableRecord(
        "Effects of each biome",
        "On the scale of the model, columns as above.",
        lambda run, _: flow_tables.effects_table(run),
        (
            Column("parameter", "parameter"),
            Column("n", "data", numbers.whole),
            Column("basis", "rests on"),
            *SUMMARY,
        ),
    ),
}

FLOW_TABLES: dict[str, TableRecord] = {
    **LOSS_TABLES,
    **DRIVER_TABLES,
    **_PARAMETERS,
    "sensitivity": TableRecord(
        "Sensitivity to priors and likelihood",
        "Power scaling: how much the posterior moves when the prior, or the likelihood, gets twice "
        "its weight. Below 0.05 the prior hardly matters; the most sensitive first.",
        lambda run, _: sensitivity_table(run, "sensitivity"),
        (
            Column("quantity", "quantity"),
            Column("prior", "prior (–)", numbers.three_digits),
            Column("likelihood", "likelihood (–)", numbers.three_digits),
            Column("what", "what it means"),
        ),
        limit=30,
        hide_if_empty=True,
    ),
    "settings": TableRecord(
        "Sensitivity to settings of the atmosphere",
        "The same data fitted with another initial state of the pools or another lag between "
        "photosynthesis and soil: mean over the sites of each biome, 0-200 cm, posterior median "
        "and 95 % interval.",
        lambda run, _: sensitivity_table(run, "settings"),
        (
            Column("setting", "setting"),
            Column("biome", "biome", _biome_text),
            Interval("i_bulk_total_mean", f"I_bulk {_MG}"),
            Interval("i_loss_total_mean", f"I_loss {_MG}"),
            Interval("loss_share_mean", "I_loss / I_root (–)"),
            Column("converged", "converged", numbers.yes),
        ),
        hide_if_empty=True,
    ),
    "checks": TABLES["checks"],
    "two_modes": dataclasses.replace(TABLES["two_modes"], needs=("derived/n_modes",)),
    "dropped": TableRecord(
        "Rows left out, by table and reason",
        "A row is counted under the first reason that applies; the CSV names the rows.",
        lambda run, _: loss_tables.dropped_by_table(run),
        (
            Column("table", "table"),
            Column("text", "reason"),
            Column("n_rows", "rows", numbers.whole),
        ),
    ),
    "implausible": TABLES["implausible"],
}
"""All tables of a run of the flow models, in the order of the page."""
