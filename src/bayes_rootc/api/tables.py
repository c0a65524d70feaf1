"""Tables of data: read, checked, simulated, fetched, found, and empty ones to fill in."""

from __future__ import annotations

from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_rootc.data.check import CheckReport
from bayes_rootc.data.check import check_layers as _check_layers
from bayes_rootc.data.source import DEFAULT_WORLD
from bayes_rootc.data.table_data import TableData
from bayes_rootc.data.templates import find_template, write_template
from bayes_rootc.data.world import simulate_world as _simulate_world
from bayes_rootc.spec.load import load_turnover
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.turnover import DataSection


def read_layers(
    data: Path | str | None = None, *, format: str | None = None, **select: Any
) -> TableData:
    """Read, check and select layers.

    Parameters
    ----------
    data : path, optional
        A data folder or a table (CSV, the file of He et al. 2016, ISRaD); without it the
        environment variable ``BAYES_ROOTC_DATA`` or the fetched data.
    format : str, optional
        Name of a reader; recognised from the columns by default.
    **select
        Fields of the section ``[data]`` of a model file, such as ``keep_peat=True``.

    Returns
    -------
    TableData
        ``.table`` is a DataFrame with one row a layer; ``.drops`` says what was left out and why.

    Raises
    ------
    DataError
        If there are no data, or they hold impossible values.
    """
    from bayes_rootc.data.load import load_layers

    return load_layers(None if data is None else Path(data), DataSection(**select), format)


def check_layers(data: Path | str, *, format: str | None = None, **select: Any) -> CheckReport:
    """Report on a table without fitting it: kept, dropped by reason, impossible, implausible.

    Parameters as for :func:`read_layers`; ``print(report.text())`` shows it.
    """
    return _check_layers(Path(data), DataSection(**select), format)


def simulate_world(n_layers: int = DEFAULT_WORLD, seed: int = 1, **options: Any) -> TableData:
    """Simulate layers of known truth; see :func:`bayes_rootc.data.world.simulate_world`.

    Examples
    --------
    >>> len(simulate_world(50, seed=3).table)
    50
    """
    return _simulate_world(load_turnover(find_model("turnover")), n_layers, seed, **options)


def template(table: str, to: Path | str | None = None, *, overwrite: bool = False) -> pd.DataFrame:
    """Rows of a table to fill in; they are invented: put your own there.

    Parameters
    ----------
    table : str
        ``radiocarbon``, ``npp`` or ``roots``.
    to : path, optional
        CSV file to write, too.
    overwrite : bool
        Replace the file.

    Raises
    ------
    DataError
        If there is no such template.
    WriteError
        If the file exists, or cannot be written.

    Examples
    --------
    >>> template("roots")[["site", "biome", "d50_cm", "d95_cm"]]
         site                  biome  d50_cm  d95_cm
    0  site A      temperate_forests      16      95
    1  site C  temperate_grasslands       9      60
    """
    found = find_template(table)
    if to is not None:
        write_template(table, Path(to), overwrite=overwrite)
    return pd.read_csv(StringIO(found.csv()))


def template_columns(table: str) -> pd.DataFrame:
    """Columns of a table to fill in: name, units, text, required.

    Parameter and error as of :func:`template`.

    Examples
    --------
    >>> columns = template_columns("npp").set_index("name")
    >>> print(columns.loc["bnpp", "units"], columns.loc["npp", "required"])
    g C m-2 yr-1 False
    """
    return pd.DataFrame([asdict(field) for field in find_template(table).fields])


def fetch_data(to: Path | str | None = None, *, base_url: str | None = None) -> pd.DataFrame:
    """Download the public compilation, each file checked by its sha256.

    Parameters
    ----------
    to : path, optional
        Data folder to fill; the user's cache folder by default.
    base_url : str, optional
        A mirror to take the files from.

    Returns
    -------
    DataFrame
        path, downloaded (False: it was there already), sha256, citation, condition (of use).

    Raises
    ------
    FetchError
        As :func:`bayes_rootc.data.fetch.fetch`.
    """
    from bayes_rootc.data.fetch import fetch

    return pd.DataFrame(
        {
            "path": str(file.path),
            "downloaded": file.downloaded,
            "sha256": file.source.sha256,
            "citation": file.source.citation,
            "condition": file.source.condition,
        }
        for file in fetch(None if to is None else Path(to), base_url)
    )


def find_data(data: Path | str | None = None) -> pd.Series:
    """Say which table of layers is used, and how it was found.

    Returns
    -------
    Series
        ``layers``: the table (None: the simulated world is used); ``tried``: places that were
        looked at; with a table also ``folder``, ``found_by``, ``source``, ``format``.

    Raises
    ------
    DataError
        If what is named, or the environment variable, points to nothing usable.
    """
    from bayes_rootc.data.where import where

    return pd.Series(where(None if data is None else Path(data)), dtype=object)
