"""Names of runs and maps, as they are given on the command line."""

from __future__ import annotations

from pathlib import Path


def folder_of(parent: Path, name: str, option: str) -> Path:
    """Folder of a name.

    Parameters
    ----------
    parent : Path
    name : str
    option : str
        Option that chooses the parent, for the message.

    Raises
    ------
    RunError
        If the name is a path, or the parent a file.
    """
    from bayes_rootc.errors import RunError

    if parent.is_file():
        raise RunError(f"{option} {parent}: is a file; it must be a folder, or a new name")
    if name in ("", ".", "..") or Path(name).name != name:
        raise RunError(
            f"--name {name}: a name is not a path; use {option} for the folder it goes to"
        )
    return parent / name
