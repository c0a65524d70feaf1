"""Two stored runs side by side: answers, parameters, what they were made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_rootc.errors import RunError
from bayes_rootc.report import numbers
from bayes_rootc.report.content import banners_of, certificate_of
from bayes_rootc.report.figures.compared import draw
from bayes_rootc.report.kinds import kind_of
from bayes_rootc.report.parts import Banner, Picture, Report, Table, drawn
from bayes_rootc.report.stored import group, labels
from bayes_rootc.report.write import write_pages
from bayes_rootc.variables import LAYER, NPP_SITE, PLACE, PROFILE, ROOT_PROFILE

ENDS = (0.05, 0.5, 0.95)
OF_DATA = {LAYER, PROFILE, PLACE, NPP_SITE, ROOT_PROFILE}
"""Dimensions of parameters that belong to rows of data, not to the population."""

SHOWN, NOTABLE = 30, 2.0

Stored = tuple[str, xr.DataTree, Mapping[str, Any]]
"""Name, run, outcome of its gate."""


def run_names(one: Path, other: Path) -> tuple[str, str]:
    """Names of two runs: their folders', and whole paths only where these are the same."""
    names = one.resolve().name, other.resolve().name
    return names if names[0] != names[1] else (str(one), str(other))


def write_comparison(one: Stored, other: Stored, folder: Path | str) -> Path:
    """Write a report of two runs side by side; nothing is fitted.

    Parameters
    ----------
    one, other : tuple
        Name of the run, the run, its ``diagnostics.json``.
    folder : path

    Returns
    -------
    Path
        The HTML file.

    Raises
    ------
    RunError
        If the runs share no parameter.
    WriteError
        If a file cannot be written.
    """
    return write_pages(compare(one, other), folder)


def compare(one: Stored, other: Stored) -> Report:
    """Lay out the report; arguments and errors as of :func:`write_comparison`."""
    pair = (one, other)
    frame = parameters_of_both(one[1], other[1])
    notable = int((frame["difference_sd"].abs() > NOTABLE).sum())
    passed = [bool(diagnostics.get("passed", False)) for _, _, diagnostics in pair]
    return Report(
        title=f"{one[0]} beside {other[0]}",
        lead="Two stored runs side by side; nothing was fitted for it. A difference is that of the "
        "means over the root of the summed variances: beyond 2 the runs disagree more than their "
        "own uncertainty explains. Runs that share data are not independent, so that less than 2 "
        "may matter too.",
        banners=tuple(_banners(pair)),
        verdict=f"{notable} of {len(frame)} common parameters differ by more than {NOTABLE:g} sd",
        passed=all(passed),
        facts=tuple(
            (f"{name}: gate", "passed" if fine else "not passed")
            for (name, _, _), fine in zip(pair, passed, strict=True)
        ),
        key_table=_key_tables(pair),
        tables=(_parameter_table(frame, one[0], other[0]),),
        pictures=(_picture(frame, one[0], other[0]),),
        notes=(),
        certificate=tuple(_certificates(pair)),
    )


def parameters_of_both(one: xr.DataTree, other: xr.DataTree) -> pd.DataFrame:
    """Common parameters of two runs.

    Returns
    -------
    DataFrame
        parameter; mean, sd, q05, q50, q95 with the endings ``_1`` and ``_2``; difference_sd
        (second less first, over the root of the summed variances); largest difference first.

    Raises
    ------
    RunError
        If the runs share no parameter.
    """
    left, right = (dict(_scalars(run)) for run in (one, other))
    rows = []
    for name in [name for name in left if name in right]:
        row: dict[str, Any] = {"parameter": name}
        for ending, draws in (("_1", left[name]), ("_2", right[name])):
            row |= {f"mean{ending}": draws.mean(), f"sd{ending}": draws.std()}
            values = np.quantile(draws, ENDS)
            row |= {f"q{int(100 * p):02d}{ending}": q for p, q in zip(ENDS, values, strict=True)}
        spread = np.hypot(row["sd_1"], row["sd_2"])
        row["difference_sd"] = (row["mean_2"] - row["mean_1"]) / spread if spread > 0 else np.nan
        rows.append(row)
    if not rows:
        raise RunError("the two runs share no parameter; compare runs of like models")
    frame = pd.DataFrame(rows)
    order = frame["difference_sd"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def _scalars(run: xr.DataTree) -> Iterator[tuple[str, np.ndarray]]:
    """Name and draws of every parameter that is one number, or a few."""
    for name, array in group(run, "posterior").data_vars.items():
        extra = [str(dim) for dim in array.dims if dim not in {"chain", "draw"}]
        if not extra:
            yield str(name), np.asarray(array, float).ravel()
        elif len(extra) == 1 and extra[0] not in OF_DATA:
            for i, label in enumerate(labels(array, extra[0])):
                yield f"{name}[{label}]", np.asarray(array.isel({extra[0]: i}), float).ravel()


def _banners(pair: tuple[Stored, Stored]) -> Iterator[Banner]:
    for name, run, diagnostics in pair:
        for banner in banners_of(run, diagnostics):
            yield Banner(banner.word, f"{name}: {banner.sentence}")


def _key_tables(pair: tuple[Stored, Stored]) -> Table:
    """Put the first tables of both runs below each other, the run in the first column."""
    tables = [kind_of(run).key_table(kind_of(run).prepare(run)) for _, run, _ in pair]
    names = [name for name, _, _ in pair]
    if tables[0].header != tables[1].header:
        raise RunError("the two runs are of different kinds; compare runs of like models")
    frame = pd.concat(
        [table.frame.assign(run=name) for name, table in zip(names, tables, strict=True)],
        ignore_index=True,
    )
    cells = tuple(
        (name, *row) for name, table in zip(names, tables, strict=True) for row in table.cells
    )
    first = tables[0]
    words, header = (first.title, first.caption), ("run", *first.header)
    return Table(first.name, *words, frame, header, cells, first.source)


def _parameter_table(frame: pd.DataFrame, one: str, other: str) -> Table:
    cells = tuple(
        (
            str(row["parameter"]),
            *(
                numbers.with_interval(*(row[f"{q}{ending}"] for q in ("q50", "q05", "q95")))
                for ending in ("_1", "_2")
            ),
            numbers.two_decimals(row["difference_sd"]),
        )
        for row in frame.head(SHOWN).to_dict(orient="records")
    )
    caption = (
        "Median and 90 % interval, the largest differences first, on the scale of the model. "
        f"Columns ending in 1 are of {one}, in 2 of {other}."
    )
    header = ("parameter", one, other, "difference (sd)")
    names = {f"_{n}": name for n, name in ((1, one), (2, other))}
    columns = [str(column) for column in frame]
    titles = {c: f"{c[:-2]} of {names[c[-2:]]}" for c in columns if c[-2:] in names}
    titles |= {"parameter": "parameter", "difference_sd": "difference (sd)"}
    hidden = len(frame) - len(cells)
    words = ("Parameters of both", caption)
    return Table("parameters", *words, frame, header, cells, ("posterior/*",), titles, hidden)


def _picture(frame: pd.DataFrame, one: str, other: str) -> Picture:
    caption = (
        "90 % intervals of the parameters that differ most; zero is the mean of the first run, the "
        "unit the root of the summed variances."
    )
    figure = draw(frame.head(SHOWN), one, other)
    return drawn("parameters", ("Parameters of both", caption), figure, frame)


def _certificates(pair: tuple[Stored, Stored]) -> Iterator[tuple[str, str]]:
    found = [dict(certificate_of(run, diagnostics)) for _, run, diagnostics in pair]
    for name in dict.fromkeys([*found[0], *found[1]]):
        both = [one.get(name, numbers.NOT_AVAILABLE) for one in found]
        yield name, both[0] if both[0] == both[1] else f"{both[0]}; {both[1]}"
