"""Kinds of stored runs: model → what its report holds."""

from __future__ import annotations

import xarray as xr

from bayes_rootc.errors import RunError
from bayes_rootc.report import turnover_report
from bayes_rootc.report.columns import TABLES
from bayes_rootc.report.figures.catalogue import FIGURES
from bayes_rootc.report.parts import Kind
from bayes_rootc.report.stored import json_attribute

ATMOSPHERE = {"atmosphere_source": "atmosphere", "initial": "initial state"}


def _as_it_is(run: xr.DataTree) -> xr.DataTree:
    return run


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
