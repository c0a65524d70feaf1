"""What the benchmarks share: which layers they run on, and how busy the machine was."""

from __future__ import annotations

import os
import platform
from typing import Any

from bayes_rootc.data.source import find_source
from bayes_rootc.models.assemble import Problem, assemble
from bayes_rootc.spec.load import load_turnover
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.turnover import TurnoverSpec

WORLD = 2800
"""Layers of the simulated world where there are no real data: about as many as are real."""


def default_problem() -> tuple[TurnoverSpec, Problem, str]:
    """Assemble the turnover model on the real data, or on a simulated world without them."""
    spec = load_turnover(find_model("turnover"))
    inputs = find_source(spec).inputs
    if inputs.source == "simulated":
        inputs = find_source(spec, simulated=WORLD).inputs
    problem = assemble(spec, inputs.tables["layers"], inputs.folder)
    profiles = len(problem.design.profiles)
    text = f"{inputs.source}, {len(problem.layers)} layers in {profiles} profiles"
    return spec, problem, text


def machine() -> dict[str, Any]:
    """Say what ran the benchmark, and how many other processes wanted the processors."""
    return {
        "processors": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
