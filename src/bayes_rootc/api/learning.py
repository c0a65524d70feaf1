"""Learners of a joint run: what they found, and whether their prior means help."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bayes_rootc.errors import SpecError
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.spec.load import load_learning
from bayes_rootc.spec.locate import find_model

if TYPE_CHECKING:
    import pandas as pd

    from bayes_rootc.inference.learned_folder import Learned


def learn(
    spec: LearningSpec | Path | str = "learning",
    *,
    run: Path | str = "runs/joint",
    folder: Path | str = "runs/learning",
    n_jobs: int = 2,
    say: Callable[[str], None] = print,
) -> Learned:
    """Learn inputs and turnover of a joint run; see :func:`bayes_rootc.inference.learn.learn`.

    ``.tables`` has scores, predictions, importance and more as DataFrames.
    """
    from bayes_rootc.inference.learn import learn as _learn

    return _learn(_spec(spec), Path(run), Path(folder), n_jobs=n_jobs, say=say)


def load_learned(folder: Path | str = "runs/learning") -> Learned:
    """Load a stored learning run: ``.tables`` are DataFrames, ``.info`` its birth certificate.

    Raises
    ------
    RunError
        If the folder is none.
    """
    from bayes_rootc.inference.learned_folder import open_learned

    return open_learned(Path(folder))


def learn_crossval(
    spec: LearningSpec | Path | str = "learning",
    *,
    run: Path | str = "runs/joint",
    folds: int = 5,
    n_jobs: int = 2,
    say: Callable[[str], None] = print,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score held-out places by the joint model with and without prior means, and the ensemble.

    Returns
    -------
    scores, heldout : DataFrame
        As of :func:`bayes_rootc.inference.learning_crossval.compare_prior_means`.

    Raises
    ------
    RunError
        If the run is none of a joint model.
    SpecError
        If there are fewer than two folds.
    """
    from bayes_rootc.inference.learn import read_joint_run
    from bayes_rootc.inference.learning_crossval import compare_prior_means

    if folds < 2:
        raise SpecError(f"folds = {folds}: must be 2 or more")
    joint, problem, _, _ = read_joint_run(Path(run))
    return compare_prior_means(
        joint, _spec(spec), problem.inputs, n_folds=folds, n_jobs=n_jobs, say=say
    )


def _spec(spec: LearningSpec | Path | str) -> LearningSpec:
    return load_learning(find_model(spec)) if isinstance(spec, Path | str) else spec
