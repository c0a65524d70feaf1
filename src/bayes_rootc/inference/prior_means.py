"""Predictions at the reference depth of every place, by learners that never saw the place."""

from __future__ import annotations

import numpy as np

from bayes_rootc.inference.learning_tables import reference_features
from bayes_rootc.learning.cross import Elsewhere
from bayes_rootc.learning.folds import block_names, folds_of
from bayes_rootc.learning.table import LearningTable
from bayes_rootc.models.flow_problem import FlowProblem
from bayes_rootc.spec.learning import LearningSpec


def place_predictions(problem: FlowProblem, table: LearningTable, spec: LearningSpec) -> Elsewhere:
    """Rows for which grouped cross-prediction is to predict too: one a place.

    A place is predicted by the learners of the fold in which its block is held out; where the
    block has no rows of the target, by learners of all rows, for none is of its block.

    Parameters
    ----------
    problem : FlowProblem
    table : LearningTable
        Of the target.
    spec : LearningSpec

    Returns
    -------
    Elsewhere
    """
    section = spec.validation
    fold = folds_of(table, "grouped", section.n_folds, spec.seed, section.block_degrees)
    of_block = dict(
        zip(block_names(table.lat, table.lon, section.block_degrees), fold, strict=True)
    )
    places = problem.inputs.places
    names = block_names(
        places["lat"].to_numpy(float), places["lon"].to_numpy(float), section.block_degrees
    )
    features = reference_features(problem)[list(table.features)]
    return Elsewhere(features, np.array([of_block.get(name, -1) for name in names]))
