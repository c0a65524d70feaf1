"""The verb ``show``: what a model file says, before anything is sampled."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayes_rootc.spec.joint import FlowModel

HELP = "show what a model file says, its priors in years"
EPILOG = """examples:
  show turnover                     the model that comes with the package
  show models/turnover.toml
  show joint                        all blocks together
  show my_model.toml
  show map                          what maps are made from, and how

Every prior is told with its reason and with the interval that holds 90 % of it, on the scale of
years or of factors on turnover. Nothing is fitted, and PyMC is not loaded."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model."""
    parser.add_argument(
        "model", metavar="MODEL", help="a model file, or the name of one in the package"
    )


def run(args: argparse.Namespace) -> int:
    """Print the model file; returns the exit code."""
    from bayes_rootc.spec.explain import explain_spec
    from bayes_rootc.spec.explain_flows import explain_flows
    from bayes_rootc.spec.explain_map import explain_map
    from bayes_rootc.spec.load import load_map, load_spec, model_name
    from bayes_rootc.spec.locate import find_model
    from bayes_rootc.spec.turnover import TurnoverSpec

    path = find_model(args.model)
    if model_name(path) == "map":
        print(explain_map(load_map(path), str(path)))
        return 0
    spec = load_spec(path)
    if isinstance(spec, TurnoverSpec):
        print(explain_spec(spec, str(path)))
    else:
        print(explain_flows(spec, str(path)))
        _say_if_prior_means_are_missing(spec)
    return 0


def _say_if_prior_means_are_missing(spec: FlowModel) -> None:
    from bayes_rootc.data.prior_means import learning_info
    from bayes_rootc.errors import RunError
    from bayes_rootc.spec.joint import JointSpec

    if not isinstance(spec, JointSpec) or spec.prior_means is None:
        return
    try:
        learning_info(Path(spec.prior_means.run))
    except RunError as error:
        print(f"\nnote: `fit` will refuse this model: prior_means.run = {error}")
