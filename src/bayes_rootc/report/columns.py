"""The tables of a report: name → what it holds, which columns people see, and how written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd
import xarray as xr

from bayes_rootc.report import numbers, sources, tables

_WITH_UNIT = re.compile(r"(.+) \(([^()]+)\)")

Row = Mapping[Any, Any]
Make = Callable[[xr.DataTree, Mapping[str, Any]], pd.DataFrame]


class WithTitle(Protocol):
    """A column that people see."""

    @property
    def title(self) -> str:
        """Header, with the unit."""
        ...

    def titles(self) -> Mapping[str, str]:
        """Columns of the table that it shows → what each is, with the unit."""
        ...

    def applies(self, frame: pd.DataFrame) -> bool:
        """Whether the table has what the column shows."""
        ...

    def cell(self, row: Row) -> str:
        """Text of the cell in a row."""
        ...


def split_unit(title: str) -> tuple[str, str]:
    """Split a header into what it names and the unit in its last brackets, if it has one.

    Examples
    --------
    >>> split_unit("P(I_loss < 0) (–)"), split_unit("rests on")
    (('P(I_loss < 0)', '–'), ('rests on', ''))
    """
    found = _WITH_UNIT.fullmatch(title)
    return (found[1], found[2]) if found else (title, "")


@dataclass(frozen=True)
class Column:
    """One value of the row."""

    key: str
    title: str
    write: numbers.Formatter = numbers.text

    def titles(self) -> Mapping[str, str]:
        """The header."""
        return {self.key: self.title}

    def applies(self, frame: pd.DataFrame) -> bool:
        """Whether the table has this column."""
        return self.key in frame

    def cell(self, row: Row) -> str:
        """Text of the cell."""
        return self.write(row[self.key])


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its interval in one cell."""

    key: str
    title: str
    low: str = "_q025"
    high: str = "_q975"
    middle: str = ""

    def titles(self) -> Mapping[str, str]:
        """The header, and which end of the interval."""
        name, unit = split_unit(self.title)
        ends = {self.low: "lower end of the interval", self.high: "upper end of the interval"}
        mean = {"": "posterior mean"} if self.middle else {}
        found = {
            self.key + end: f"{name}, {what}{f' ({unit})' if unit else ''}"
            for end, what in (mean | ends).items()
        }
        return {self.key + self.middle: self.title, **found}

    def applies(self, frame: pd.DataFrame) -> bool:
        """Whether the table has this column."""
        return self.key + self.middle in frame

    def cell(self, row: Row) -> str:
        """Text of the cell."""
        ends = (self.key + self.middle, self.key + self.low, self.key + self.high)
        middle, low, high = (row[end] for end in ends)
        return numbers.with_interval(middle, low, high)


@dataclass(frozen=True)
class WithError:
    """A signed difference and its standard error in one cell; no error where there is none."""

    key: str
    title: str
    error: str = "_se"

    def titles(self) -> Mapping[str, str]:
        """The header, and that of the error."""
        return {self.key: self.title, self.key + self.error: f"standard error of {self.title}"}

    def applies(self, frame: pd.DataFrame) -> bool:
        """Whether the table has this column."""
        return self.key in frame

    def cell(self, row: Row) -> str:
        """Text of the cell."""
        value, error = float(row[self.key]), float(row[self.key + self.error])
        return f"{value:+.1f}" + ("" if math.isnan(error) else f" ± {error:.1f}")


@dataclass(frozen=True)
class TableRecord:
    """One table: what it says, how it is made, what is shown.

    Attributes
    ----------
    title, caption : str
    make : callable
    source : tuple of str
        What the numbers are computed from, see :mod:`bayes_rootc.report.sources`.
    columns : tuple
        What people see; empty: every column of the table.
    limit : int, optional
        Rows that people see.
    hide_if_empty : bool
    needs : tuple of str
        Variables (group/name) without which the table does not apply to a run.
    """

    title: str
    caption: str
    make: Make
    columns: tuple[WithTitle, ...]
    limit: int | None = None
    hide_if_empty: bool = False
    needs: tuple[str, ...] = ()
    source: sources.Source = field(kw_only=True)


SUMMARY = (
    Column("unit", "unit"),
    Column("mean", "mean", numbers.three_digits),
    Column("sd", "sd", numbers.three_digits),
    Column("q05", "5 %", numbers.three_digits),
    Column("q50", "median", numbers.three_digits),
    Column("q95", "95 %", numbers.three_digits),
    Column("r_hat", "R-hat", numbers.three_decimals),
    Column("ess_bulk", "ESS bulk", numbers.whole),
    Column("ess_tail", "ESS tail", numbers.whole),
    Column("truth", "truth", numbers.three_digits),
)

TABLES: dict[str, TableRecord] = {
    "turnover": TableRecord(
        "Turnover time and decay rate by biome and standard layer",
        "Posterior median and 95 % interval. Typical: the median site of the biome. Mean: the "
        "mean over its sites, of C_age and of k each in its own right (so they are not the "
        "inverse of each other). Layers and profiles are those whose middle lies in the standard "
        "layer; “depth trend”: none there, so the biome's slope with depth carries the number; "
        "“from the population”: the biome has no layer at all.",
        lambda run, _: tables.turnover_table(run),
        (
            Column("biome", "biome"),
            Column("standard_layer_cm", "layer (cm)"),
            Column("n_layers", "layers", numbers.whole),
            Column("n_profiles", "profiles", numbers.whole),
            Column("basis", "rests on"),
            Interval("c_age_typical", "C_age, typical site (yr)"),
            Interval("c_age_mean", "C_age, mean over sites (yr)"),
            Interval("k_typical", "k, typical site (yr⁻¹)"),
            Interval("k_mean", "k, mean over sites (yr⁻¹)"),
        ),
        source=sources.TURNOVER,
    ),
    "population": TableRecord(
        "Population parameters",
        "Posterior mean, standard deviation, median and central 90 % interval (5 % to 95 %); R-hat "
        "near 1 and large effective sample sizes (ESS) mean that the chains agree. n/a: too few "
        "draws to say.",
        lambda run, _: tables.population_table(run),
        (Column("parameter", "parameter"), Column("meaning", "meaning"), *SUMMARY),
        source=sources.POPULATION,
    ),
    "biomes": TableRecord(
        "Intercept and depth slope of each biome",
        "ln k at the reference depth (a_biome) and its slope on the depth basis (s_biome), "
        "columns as above.",
        lambda run, _: tables.biome_table(run),
        (
            Column("parameter", "parameter"),
            Column("n_layers", "layers", numbers.whole),
            Column("n_profiles", "profiles", numbers.whole),
            Column("basis", "rests on"),
            *SUMMARY,
        ),
        source=sources.BIOMES,
    ),
    "checks": TableRecord(
        "Checks of the gate",
        "Each check with its value, its threshold and the parameter that is worst.",
        lambda _, diagnostics: tables.checks_table(diagnostics),
        (
            Column("text", "check"),
            Column("value", "value", numbers.four_digits),
            Column("threshold", "threshold", numbers.four_digits),
            Column("worst", "worst"),
            Column("passed", "outcome", numbers.yes_no),
        ),
        hide_if_empty=True,
        source=(sources.DIAGNOSTICS,),
    ),
    "two_modes": TableRecord(
        "Layers with two turnover times",
        "After the bomb peak a fast and a slow pool can have the same Δ14C. Posterior mass and "
        "median turnover time of both solutions, the most undecided layers first.",
        lambda run, _: tables.two_mode_table(run),
        (
            Column("row", "row", numbers.text),
            Column("site", "site"),
            Column("profile", "profile"),
            Column("biome", "biome"),
            Column("top_cm", "top (cm)", numbers.three_digits),
            Column("bottom_cm", "bottom (cm)", numbers.three_digits),
            Column("sample_year", "sampled (year)", numbers.year),
            Column("delta14c", "Δ14C (‰)", numbers.three_digits),
            Column("mass_1", "mass, fast (–)", numbers.two_decimals),
            Column("c_age_1", "C_age, fast (yr)", numbers.three_digits),
            Column("mass_2", "mass, slow (–)", numbers.two_decimals),
            Column("c_age_2", "C_age, slow (yr)", numbers.three_digits),
        ),
        limit=25,
        source=sources.TWO_MODES,
    ),
    "dropped": TableRecord(
        "Rows left out, by reason",
        "A row is counted under the first reason that applies; the CSV names the rows.",
        lambda run, _: tables.dropped_table(run),
        (Column("text", "reason"), Column("n_rows", "rows", numbers.whole)),
        source=sources.DROPPED,
    ),
    "implausible": TableRecord(
        "Kept layers worth a look",
        "Values that the atmosphere can hardly explain; the heavy tails of the likelihood keep "
        "them from moving the rest.",
        lambda run, _: tables.implausible_table(run),
        (
            Column("row", "row", numbers.text),
            Column("profile", "profile"),
            Column("delta14c", "Δ14C (‰)", numbers.three_digits),
            Column("sample_year", "sampled (year)", numbers.year),
            Column("why", "why"),
        ),
        limit=25,
        hide_if_empty=True,
        source=sources.IMPLAUSIBLE,
    ),
}
