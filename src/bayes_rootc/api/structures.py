"""One pool or many decay rates within a layer: structures compared on the same data."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_rootc.api.fits import Data, source_of
from bayes_rootc.spec.load import load_spec, load_structures, load_turnover
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.structures import StructuresSpec

if TYPE_CHECKING:
    from bayes_rootc.inference.structures_folder import Compared


def compare_structures(
    spec: StructuresSpec | Path | str = "structures",
    data: Data = None,
    *,
    joint: bool = False,
    folder: Path | str | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    **source: Any,
) -> Compared:
    """Fit the same layers under several structures, and say which predicts best.

    What is finished already, of the same data and model files, is kept.

    Parameters
    ----------
    spec : StructuresSpec, path or str
        A structures file, or the name of one that comes with the package.
    data, source
        As of :func:`bayes_rootc.fit`.
    joint : bool
        Fit the joint model under each structure too, for what follows for I_bulk and I_loss.
    folder : path, optional
        Where the files go; ``runs/structures`` by default.
    overwrite : bool
        Begin anew instead of keeping what is finished.
    say : callable
        Receives a line about each step.

    Returns
    -------
    Compared
        ``.comparison``, ``.gains`` and ``.pointwise`` are DataFrames; tables and figures of the
        report by name are in ``bayes_rootc.results(folder)``.

    Raises
    ------
    SpecError
        If a model file cannot be read or is wrong.
    RunError
        If the folder holds something else.
    """
    from bayes_rootc.inference.structures import compare_structures as compare
    from bayes_rootc.inference.structures_folder import refuse_other

    known = load_structures(find_model(spec)) if isinstance(spec, Path | str) else spec
    turnover = load_turnover(find_model(known.turnover))
    whole = load_spec(find_model(known.joint)) if joint else None
    target = Path("runs/structures") if folder is None else Path(folder)
    refuse_other(target)
    if overwrite and target.is_dir():
        shutil.rmtree(target)
    found = source_of(whole or turnover, data, **source)
    say(found.text)
    return compare(known, turnover, found.inputs, target, joint=whole, say=say)
