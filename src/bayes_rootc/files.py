"""Reading and writing files safely: write beside, then rename; checksums."""

from __future__ import annotations

import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from bayes_rootc.errors import WriteError

DAMAGED = (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error)
"""What reading a stored npz raises where it is missing, cut off, damaged or something else."""


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside ``path``; move it there if the block ends without an error.

    Parameters
    ----------
    path : path
        The file (or folder) to be made. Its parent is created.

    Yields
    ------
    Path
        Where to write meanwhile.

    Raises
    ------
    WriteError
        If the disk is full, or the place cannot be written to. Nothing is left behind.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        if beside.is_dir() and path.is_dir():
            shutil.rmtree(path)
        os.replace(beside, path)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if beside.is_dir():
            shutil.rmtree(beside, ignore_errors=True)
        else:
            with suppress(OSError):  # its folder may not even be one; the first error is told
                beside.unlink()


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text with LF line ends, whole or not at all."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def sha256_of_file(path: Path | str) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_text(text: str) -> str:
    """Hexadecimal sha256 of a text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_arrays(path: Path | str) -> dict[str, Any]:
    """Read every array of an npz file, without pickle; raises one of :data:`DAMAGED`."""
    import numpy as np

    # Opened here: numpy leaves a file open that it cannot read.
    with open(path, "rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
