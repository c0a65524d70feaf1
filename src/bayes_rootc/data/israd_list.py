"""Sheets of a workbook as columns of text, the same text that a CSV of them would hold."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from bayes_rootc.data.csv_text import is_workbook
from bayes_rootc.errors import DataError

if TYPE_CHECKING:
    from openpyxl import Workbook

_NAMESPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_CONTENTS = "xl/workbook.xml"

Columns = dict[str, list[str]]


def sheet_names(path: Path) -> frozenset[str]:
    """Names of the sheets of a workbook, empty for any other file; needs no openpyxl.

    Raises
    ------
    DataError
        If the file cannot be opened.
    """
    if not is_workbook(path):
        return frozenset()
    try:
        with zipfile.ZipFile(path) as archive:
            contents = ElementTree.fromstring(archive.read(_CONTENTS))
    except (OSError, KeyError, zipfile.BadZipFile, ElementTree.ParseError):
        return frozenset()
    return frozenset(sheet.get("name", "") for sheet in contents.iter(f"{_NAMESPACE}sheet"))


def read_sheets(path: Path, names: tuple[str, ...]) -> dict[str, Columns]:
    """Read sheets of a workbook, header in the first row of each.

    Parameters
    ----------
    path : Path
        A workbook (.xlsx).
    names : tuple of str
        Sheets that must be there.

    Returns
    -------
    dict
        For each sheet its columns, each a list of texts, ``""`` for an empty cell. Empty rows at
        the end of a sheet are not data rows.

    Raises
    ------
    DataError
        If the file is not a workbook, a sheet is missing or empty, a
        column name occurs twice, or an empty row stands between others.
    """
    workbook = _open(path)
    try:
        missing = [name for name in names if name not in workbook.sheetnames]
        if missing:
            raise DataError(
                f"{path}: missing sheet: {', '.join(missing)}; it has "
                f"{', '.join(workbook.sheetnames)}"
            )
        return {name: _columns(workbook, name, f"{path}, sheet {name}") for name in names}
    finally:
        workbook.close()


def _open(path: Path) -> Workbook:
    import openpyxl

    try:
        with warnings.catch_warnings():
            # Styles and extensions that openpyxl does not know carry no data.
            warnings.simplefilter("ignore", UserWarning)
            return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        # openpyxl lets errors of zip, XML and its own parts through, with no common base.
        raise DataError(f"{path}: cannot be read as a workbook: {error}") from error


def _columns(workbook: Workbook, name: str, where: str) -> Columns:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        rows = [
            [_as_text(cell) for cell in row] for row in workbook[name].iter_rows(values_only=True)
        ]
    while rows and not any(rows[-1]):
        rows.pop()
    if len(rows) < 2:
        raise DataError(f"{where}: has no rows; a header and at least one row are needed")
    header = [cell.strip() for cell in rows[0]]
    twice = sorted({column for column in header if column and header.count(column) > 1})
    if twice:
        raise DataError(f"{where}: column {twice[0]!r} occurs twice in the header; keep one")
    for number, row in enumerate(rows[1:], start=1):
        if not any(row):
            raise DataError(f"{where}: row {number} is empty, others follow; remove it")
    return {
        column: [row[index] if index < len(row) else "" for row in rows[1:]]
        for index, column in enumerate(header)
        if column
    }


def _as_text(cell: object) -> str:
    """Text of a cell: whole numbers without a point, so that names such as plot 7 join."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
