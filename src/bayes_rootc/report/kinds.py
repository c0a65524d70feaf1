"""Kinds of stored runs: model → what its report holds."""

from __future__ import annotations

import xarray as xr

from bayes_rootc.errors import RunError
from bayes_rootc.report import flow_report, turnover_report
from bayes_rootc.report.columns import TABLES
from bayes_rootc.report.figures.catalogue import FIGURES
from bayes_rootc.report.figures.flow_catalogue import FLOW_FIGURES
from bayes_rootc.report.flow_columns import FLOW_TABLES
from bayes_rootc.report.losses import with_losses
from bayes_rootc.report.parts import Kind
from bayes_rootc.report.stored import json_attribute

ATMOSPHERE = {"atmosphere_source": "atmosphere", "initial": "initial state"}


def _as_it_is(run: xr.DataTree) -> xr.DataTree:
    return run


def _block(title: str, sentence: str) -> Kind:
    """Report of one block fitted alone: what applies of the tables and figures of the joint one."""
    return Kind(
        title=title,
        lead=flow_report.lead(sentence),
        facts=flow_report.facts,
        key_table=flow_report.typical_key_table,
        tables=FLOW_TABLES,
        figures=FLOW_FIGURES,
        prepare=_as_it_is,
        certificate={},
    )


KINDS: dict[str, Kind] = {
    "turnover": Kind(
        title="Soil carbon turnover",
        lead=turnover_report.lead,
        facts=turnover_report.facts,
        key_table=turnover_report.key_table,
        tables=TABLES,
        figures=FIGURES,
        prepare=_as_it_is,
        certificate=ATMOSPHERE,
    ),
    "joint": Kind(
        title="Root carbon that the soil does not keep",
        lead=flow_report.joint_lead,
        facts=flow_report.facts,
        key_table=flow_report.answer_key_table,
        tables=FLOW_TABLES,
        figures=FLOW_FIGURES,
        prepare=with_losses,
        certificate=ATMOSPHERE,
    ),
    "stock": _block("Soil carbon density", "A hierarchical model of carbon density over depth."),
    "bnpp": _block(
        "Carbon input by roots",
        "A hierarchical model of belowground net primary production, the carbon input by roots.",
    ),
    "f_bnpp": _block(
        "Share of production below ground",
        "A hierarchical model of the share of net primary production that goes below ground.",
    ),
    "roots": _block(
        "Depth of roots", "A hierarchical model of the depths that hold 50 and 95 % of the roots."
    ),
}


def model_of(run: xr.DataTree) -> str:
    """Name of the model that a run was fitted with."""
    named = run.attrs.get("model") or json_attribute(run, "spec", {}).get("model")
    return str(named or "unknown")


def kind_of(run: xr.DataTree) -> Kind:
    """What the report of a run holds.

    Raises
    ------
    RunError
        If the model of the run has no report.
    """
    name = model_of(run)
    if name not in KINDS:
        raise RunError(f"run: no report for model {name!r}; it must be one of {', '.join(KINDS)}")
    return KINDS[name]
