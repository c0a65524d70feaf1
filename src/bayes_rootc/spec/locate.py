"""Where model files are: at the path given, or among those that come with the package."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path

from bayes_rootc.errors import SpecError

SUFFIX = ".toml"


def packaged_models() -> dict[str, Path]:
    """Name → file of every model that comes with the package (or lies in the checkout)."""
    package = Path(str(resources.files("bayes_rootc")))
    for folder in (package / "_models", package.parents[1] / "models"):
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    return {}


def find_model(name_or_path: Path | str, only: str | None = None) -> Path:
    """Find a model file.

    Parameters
    ----------
    name_or_path : path
        A file; or, where there is no such file, the name of a packaged model: ``turnover``,
        ``turnover.toml`` or ``models/turnover.toml``. A path into another folder must exist:
        the packaged file of the same name would be another file than the one asked for.
    only : str, optional
        The one packaged model that will do, where others are of another kind; no other is
        suggested.

    Returns
    -------
    Path

    Raises
    ------
    SpecError
        If there is neither; the packaged models are named, the nearest first.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    models = packaged_models()
    is_name = path.parent in (Path(), Path("models")) and path.suffix in ("", SUFFIX)
    name = path.name.removesuffix(SUFFIX)
    if is_name and name in models:
        return models[name]
    right = [only] if only else [*models]
    close = difflib.get_close_matches(name, right, n=1, cutoff=0.6)
    listed = f"models: {', '.join(right)}" if only is None else f"the packaged one is {only}"
    hint = f"did you mean {close[0]}?" if close and is_name else listed
    what = "is a folder, not a model file" if path.is_dir() else "no such model file"
    raise SpecError(f"{path}: {what}; {hint}")
