"""The tables of a run of the flow models: what they say, which columns people see."""

from __future__ import annotations

import dataclasses

from bayes_rootc.loss.drivers import r2_table
from bayes_rootc.report import flow_tables, loss_tables, numbers, sources
from bayes_rootc.report.columns import SUMMARY, TABLES, Column, Interval, TableRecord
from bayes_rootc.report.drivers import coefficients_table, loadings_table
from bayes_rootc.report.loss_columns import ALL_BLOCKS, LOSS_TABLES, MG
from bayes_rootc.report.sensitivity import sensitivity_table
from bayes_rootc.report.stored import biome_name

_COMPONENTS = ("constant_data/components", "constant_data/component_loadings")


def _biome_text(key: object) -> str:
    return biome_name(str(key))


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
        source=sources.COEFFICIENTS,
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
        source=sources.R2,
    ),
    "loadings": TableRecord(
        "What the components are made of",
        "Loadings on the standardised grid variables; variance of the component in the same unit.",
        lambda run, _: loadings_table(run),
        (),
        needs=_COMPONENTS,
        source=sources.LOADINGS,
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
        source=sources.TYPICAL_TURNOVER,
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
        source=sources.COUNTS,
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
        source=sources.EFFECTS,
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
        source=("sensitivity.csv",),
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
            Interval("i_bulk_total_mean", f"I_bulk {MG}"),
            Interval("i_loss_total_mean", f"I_loss {MG}"),
            Interval("loss_share_mean", "I_loss / I_root (–)"),
            Column("converged", "converged", numbers.yes),
        ),
        hide_if_empty=True,
        source=("settings.csv",),
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
        source=sources.DROPPED,
    ),
    "implausible": TABLES["implausible"],
}
"""All tables of a run of the flow models, in the order of the page."""
