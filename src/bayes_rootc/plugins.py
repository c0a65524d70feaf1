"""Modules of users that add learners and estimates; named in a file or on the command line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from bayes_rootc.errors import SpecError


def import_plugins(names: Sequence[str]) -> None:
    """Import modules, from the working folder too.

    Parameters
    ----------
    names : sequence of str
        Names as in an import statement.

    Raises
    ------
    SpecError
        If one cannot be imported; its own error is told.
    """
    here = str(Path.cwd())
    if names and here not in sys.path:
        sys.path.append(here)
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever the module of a user raises
            raise SpecError(
                f"plugin {name}: cannot be imported ({type(error).__name__}: {error}); right: a "
                "module in the working folder or installed, its name without .py"
            ) from None
