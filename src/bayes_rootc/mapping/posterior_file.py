"""The posterior engine as one small file, so that blocks, and other machines, need not the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bayes_rootc.data.components import Components
from bayes_rootc.errors import RunError
from bayes_rootc.files import DAMAGED, read_arrays, replacing
from bayes_rootc.mapping.posterior import DRAWN, PosteriorEngine
from bayes_rootc.variables import EFFECTS

PLAIN = ("a_ratio", "bulk_length", "limits")
TEXTS = ("names", "groups", "variables", "log")
NUMBERS = ("mean", "sd", "loadings", "variance")


def save_posterior(engine: PosteriorEngine, path: Path) -> None:
    """Write an engine as npz, without pickle."""
    arrays: dict[str, Any] = {name: getattr(engine, name) for name in PLAIN}
    for name in EFFECTS:
        arrays |= {f"level {name}": engine.level[name], f"slopes {name}": engine.slopes[name]}
    arrays |= {f"scalar {name}": values for name, values in engine.scalars.items()}
    arrays |= {f"c {name}": np.array(getattr(engine.components, name), str) for name in TEXTS}
    arrays |= {f"c {name}": getattr(engine.components, name) for name in NUMBERS}
    text = np.array([engine.root, engine.npp], str)
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez_compressed(file, text=text, clamp=np.array(engine.clamp), **arrays)


def load_posterior(path: Path) -> PosteriorEngine:
    """Read what :func:`save_posterior` wrote.

    Raises
    ------
    RunError
        If it is missing or something else.
    """
    try:
        of = read_arrays(path)
        texts: dict[str, Any] = {name: tuple(str(one) for one in of[f"c {name}"]) for name in TEXTS}
        numbers: dict[str, Any] = {name: of[f"c {name}"] for name in NUMBERS}
        return PosteriorEngine(
            level={name: of[f"level {name}"] for name in EFFECTS},
            slopes={name: of[f"slopes {name}"] for name in EFFECTS},
            scalars={name: of[f"scalar {name}"] for name in DRAWN},
            components=Components(**texts, **numbers, notes=()),
            root=str(of["text"][0]),
            npp=str(of["text"][1]),
            clamp=bool(of["clamp"]),
            **{name: of[name] for name in PLAIN},
        )
    except DAMAGED as error:
        raise RunError(f"{path}: holds no posterior of a map ({error})") from None
