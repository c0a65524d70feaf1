"""Typed view of a learning file: which targets, which learners, how they are validated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from bayes_rootc.spec.turnover import Section

Names = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]

TARGETS = ("i_root", "i_bulk", "f_bnpp", "ln_k", "ln_rho")
RULES = ("random", "grouped")


class ValidationSection(Section):
    """How rows are held out."""

    n_folds: Annotated[int, Field(ge=2, le=50)] = 5
    inner_folds: Annotated[int, Field(ge=2, le=20)] = 5
    inner_folds_random: Annotated[int, Field(ge=2, le=20)] = 3  # rows are alike: fewer do
    block_degrees: Annotated[float, Field(gt=0, le=90)] = 5.0

    def inner(self, rule: str) -> int:
        """Inner folds of a rule."""
        return self.inner_folds_random if rule == "random" else self.inner_folds


class PreparationSection(Section):
    """What is done to predictors, in every training part anew."""

    max_correlation: Annotated[float, Field(gt=0, le=1)] = 0.9


class EnsembleSection(Section):
    """How the predictions of the learners become one."""

    n_best: Annotated[int, Field(ge=1, le=50)] = 3  # all where there are fewer


class LearningSpec(Section):
    """Learners of a stored run's inputs and results."""

    schema_version: Annotated[Literal[1], Field(alias="schema")]
    model: Literal["learning"]
    run: str = "runs/joint"
    targets: Names = TARGETS
    learners: Names = ("forest", "xgboost", "cubist", "svm", "mars")
    plugins: Annotated[tuple[str, ...], Field(strict=False)] = ()
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 20260101
    validation: ValidationSection = ValidationSection()
    preparation: PreparationSection = PreparationSection()
    ensemble: EnsembleSection = EnsembleSection()

    @model_validator(mode="after")
    def _names_are_sound(self) -> LearningSpec:
        for key, names in (("targets", self.targets), ("learners", self.learners)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{key} names {', '.join(twice)} twice; it must name each once")
        unknown = [name for name in self.targets if name not in TARGETS]
        if unknown:
            raise ValueError(
                f"targets names {', '.join(unknown)}, which is none; right: {', '.join(TARGETS)}"
            )
        most = len(self.learners)
        if self.ensemble.n_best > max(most, EnsembleSection().n_best):
            raise ValueError(
                f"ensemble.n_best = {self.ensemble.n_best}, but there are {most} learners; "
                f"right: 1 to {most}"
            )
        return self
