"""Delimited text to header and rows, with messages for what spreadsheets do to such files."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from bayes_rootc.errors import DataError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
HEADER_BYTES = 1 << 16
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
ZIP_MARK = b"PK\x03\x04"


@dataclass(frozen=True)
class TextTable:
    """Cells as written: header names and data rows, each row as long as the header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """Cells of one column, in file order."""
        index = self.header.index(name)
        return [row[index] for row in self.rows]


def is_workbook(path: Path) -> bool:
    """Whether a file is a zip archive, as every .xlsx is."""
    return _first_bytes(path, len(ZIP_MARK)) == ZIP_MARK


def read_header(path: Path) -> tuple[str, ...]:
    """Names in the first line, stripped; empty where the file is no delimited text.

    Bytes that are not UTF-8 are replaced, so that a file can be recognised before it is read.

    Raises
    ------
    DataError
        If the file cannot be opened.
    """
    start = _first_bytes(path, HEADER_BYTES)
    if start.startswith(ZIP_MARK):
        return ()
    encoding = "utf-16" if start.startswith(UTF16_MARKS) else "utf-8-sig"
    first, *_ = start.decode(encoding, errors="replace").lstrip().splitlines() or [""]
    try:
        names = next(csv.reader([first], delimiter=_separator(first)), [])
    except csv.Error:
        return ()
    return tuple(name.strip() for name in names)


def read_table(path: Path) -> TextTable:
    """Read a comma, semicolon or tab separated file in UTF-8 (byte order mark allowed).

    Lines without any character are skipped; every other line after the header is a row.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    TextTable
        Header and rows, cells stripped of surrounding blanks.

    Raises
    ------
    DataError
        If the file cannot be opened or decoded, is a workbook, has no data row, names a column
        twice, or has a row longer or shorter than its header.
    """
    text = _decoded(path)
    lines = text.lstrip("\r\n").splitlines()
    if not text.strip():
        raise DataError(f"{path}: the file is empty; it must have a header and one row per layer")
    separator = _separator(lines[0])
    try:
        # newline="" keeps line ends inside quoted cells; csv itself splits the rows.
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        cells = [tuple(cell.strip() for cell in row) for row in reader if row]
    except csv.Error as error:
        raise DataError(f"{path}: not a readable table: {error}; check its quotes") from None
    header, rows = cells[0], tuple(cells[1:])
    _check_header(path, header)
    _check_lengths(path, header, rows, separator)
    if not rows:
        raise DataError(f"{path}: has a header but no rows; it must have one row per layer")
    return TextTable(header, rows)


def _first_bytes(path: Path, count: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(count)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _decoded(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None
    if content.startswith(ZIP_MARK):
        raise DataError(f'{path}: this is an Excel workbook; save the sheet as "CSV UTF-8"')
    if content.startswith(UTF16_MARKS):
        raise DataError(f'{path}: the text is UTF-16 ("Unicode text"); save it as "CSV UTF-8"')
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(content[: error.start].splitlines()) or 1
        byte = content[error.start]
        raise DataError(
            f"{path}: line {line} holds the byte 0x{byte:02X}, which is not UTF-8; save the file "
            f'as "CSV UTF-8"'
        ) from None
    if "\0" in text:
        raise DataError(f"{path}: this is not a text file; a table in CSV is expected")
    return text


def _separator(line: str) -> str:
    return max(SEPARATORS, key=line.count)


def _check_header(path: Path, header: tuple[str, ...]) -> None:
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise DataError(f"{path}: column {twice[0]!r} occurs twice in the header; keep one")


def _check_lengths(
    path: Path, header: tuple[str, ...], rows: tuple[tuple[str, ...], ...], separator: str
) -> None:
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise DataError(
                f"{path}: row {number} has {len(row)} cells, the header has {len(header)}; a "
                f"{SEPARATORS[separator]} inside a cell needs quotes, and decimals need a point"
            )
