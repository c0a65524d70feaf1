"""The model file: typed, frozen, hashed, explained; each error by its message."""

from __future__ import annotations

import copy
import math
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_rootc.errors import SpecError
from bayes_rootc.layers import depth_basis
from bayes_rootc.spec import locate
from bayes_rootc.spec.explain import (
    HUMAN_SCALES,
    SECTIONS,
    depth_span,
    explain_priors,
    explain_spec,
)
from bayes_rootc.spec.load import dump_spec, load_spec, parse_spec, spec_hash
from bayes_rootc.spec.locate import find_model, packaged_models
from bayes_rootc.spec.priors import FAMILIES, frozen, interval
from bayes_rootc.spec.turnover import HalfNormal, LogNormal, Normal, TurnoverSpec
from bayes_rootc.variables import VARIABLES

MODEL = Path(__file__).parents[1] / "models" / "turnover.toml"
CONTENT = tomllib.loads(MODEL.read_text(encoding="utf-8"))


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the model file's content with one key set; None removes it."""
    content = copy.deepcopy(CONTENT)
    *parents, last = path.split(".")
    section = content
    for parent in parents:
        section = section[parent]
    if value is None:
        del section[last]
    else:
        section[last] = value
    return content


def reordered(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: reordered(content[key]) for key in reversed(content)}
    return content


def test_the_model_file_says_every_field() -> None:
    """What the file leaves out would hide a default from the reader."""
    assert dump_spec(load_spec(MODEL)) == dump_spec(parse_spec(CONTENT))
    written = {f"{name}.{key}" for name, part in CONTENT.items() if isinstance(part, dict)
               for key in part}  # fmt: skip
    dumped = {f"{name}.{key}" for name, part in dump_spec(load_spec(MODEL)).items()
              if isinstance(part, dict) for key in part}  # fmt: skip
    assert written == dumped


@given(
    sd=st.floats(1e-3, 1e3),
    mean=st.floats(-50, 50),
    chains=st.integers(2, 64),
    initial=st.sampled_from(["constant", "calibrated"]),
    covariates=st.sampled_from([[], ["mat"], ["map", "mat"]]),
)
def test_spec_to_dict_to_spec_is_identity(
    sd: float, mean: float, chains: int, initial: str, covariates: list[str]
) -> None:
    content = copy.deepcopy(CONTENT)
    content["priors"]["alpha"] |= {"sd": sd, "mean": mean}
    content["sampler"]["chains"] = chains
    content["atmosphere"]["initial"] = initial
    content["data"]["covariates"] = covariates
    spec = parse_spec(content)
    assert parse_spec(dump_spec(spec)) == spec
    assert (spec.priors.alpha.sd, spec.sampler.chains) == (sd, chains)


def test_hash_depends_on_content_not_on_order() -> None:
    same = spec_hash(parse_spec(reordered(CONTENT)))
    assert same == spec_hash(load_spec(MODEL))
    assert len(same) == 64
    assert spec_hash(parse_spec(changed("priors.alpha.mean", -5.4))) != same
    assert spec_hash(parse_spec(changed("priors.alpha.reason", "because"))) != same


def test_hash_knows_1_from_1_0_no_more_than_the_model_does() -> None:
    assert spec_hash(parse_spec(changed("priors.alpha.sd", 2))) == spec_hash(
        parse_spec(changed("priors.alpha.sd", 2.0))
    )


def test_the_spec_is_frozen() -> None:
    spec = load_spec(MODEL)
    with pytest.raises(ValueError, match="frozen"):
        spec.sampler.chains = 8  # type: ignore[misc]


WRONG = {
    "unknown key": (
        "sampler.chain",
        4,
        r"unknown key sampler\.chain; did you mean sampler\.chains\?",
    ),
    "unknown section": ("samplers", {}, r"unknown key samplers; did you mean sampler\?"),
    "unknown prior": ("priors.sigma_biomes", {}, r"did you mean priors\.sigma_biome\?"),
    "unknown in prior": (
        "priors.alpha.sdd",
        1.0,
        r"unknown key priors\.alpha\.sdd; did you mean priors\.alpha\.sd\?",
    ),
    "nothing near": ("gate.quux", 1, r"unknown key gate\.quux; valid here: r_hat_max, ess_min"),
    "wrong type": ("sampler.chains", "four", r"sampler\.chains = 'four' is wrong; .*integer"),
    "true for a number": ("likelihood.model_sd", True, r"likelihood\.model_sd = True is wrong"),
    "out of range": (
        "sampler.chains",
        1,
        r"sampler\.chains = 1 is wrong; .*greater than or equal to 2",
    ),
    "negative sd": (
        "priors.alpha.sd",
        -1.5,
        r"priors\.alpha\.sd = -1\.5 is wrong; .*greater than 0",
    ),
    "text in prior": ("priors.alpha.mean", "-5", r"priors\.alpha\.mean = '-5' is wrong"),
    "unknown dist": (
        "priors.alpha.dist",
        "gamma",
        r"priors\.alpha.*'gamma'.*'normal', 'half_normal'",
    ),
    "a scale that may be negative": (
        "priors.tau",
        {"dist": "normal", "mean": 0.0, "sd": 1.0, "unit": "1", "reason": "r"},
        r"priors\.tau.*'normal'.*'half_normal', 'lognormal'",
    ),
    "unknown joint prior": (
        "joint_priors.sigma_gama",
        {},
        r"unknown key joint_priors\.sigma_gama; did you mean joint_priors\.sigma_gamma\?",
    ),
    "missing prior": ("priors.tau", None, r"priors\.tau is missing; it must be given"),
    "missing reason": ("priors.tau.reason", None, r"priors\.tau\.reason is missing"),
    "missing priors": ("priors", None, r"priors is missing"),
    "unknown covariate": ("data.covariates", ["rain"], r"data\.covariates\.0 = 'rain' is wrong"),
    "unknown state": ("atmosphere.initial", "steady", r"atmosphere\.initial = 'steady' is wrong"),
    "unknown model": (
        "model",
        "jiont",
        r"model = 'jiont' is unknown; it must be one of \"turnover\"",
    ),
    "no model": ("model", None, r"model = None is unknown"),
    "wrong schema": ("schema", 2, r"schema = 2 is wrong"),
    "floor above default": ("likelihood.floor_sd", 7.0, r"floor_sd must not be above"),
    "infinite": ("priors.alpha.mean", math.inf, r"priors\.alpha\.mean = inf is wrong"),
    "not a number": ("priors.alpha.mean", math.nan, r"priors\.alpha\.mean = nan is wrong"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_key_is_named(case: str) -> None:
    path, value, message = WRONG[case]
    with pytest.raises(SpecError, match=message) as caught:
        parse_spec(changed(path, value), where="m.toml")
    assert str(caught.value).startswith("m.toml: ")


def test_all_faults_are_told_at_once() -> None:
    content = changed("sampler.chains", 0)
    content["gate"]["ess_minn"] = 1.0
    with pytest.raises(SpecError) as caught:
        parse_spec(content)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"schema = ", "not valid TOML"),
        (b"model = '\xff'", "cannot be read"),
        (b"", "model = None is unknown"),
    ],
)
def test_an_unreadable_file(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "m.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=rf"m\.toml: {message}"):
        load_spec(path)


def test_a_folder_is_no_model_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        load_spec(tmp_path)
    with pytest.raises(SpecError, match="is a folder, not a model file"):
        find_model(tmp_path)


# --- where models are ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["turnover", "turnover.toml", "models/turnover.toml"])
def test_packaged_models_are_found_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model(name).samefile(packaged_models()["turnover"])


def test_a_file_of_ones_own_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "turnover.toml"
    own.touch()
    assert find_model("turnover.toml").samefile(own)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("turnovr", r"turnovr: no such model file; did you mean turnover\?"),
        ("elsewhere/turnover.toml", "no such model file; models: bnpp, .*turnover"),
        ("quux.toml", "no such model file; models: bnpp, .*turnover"),
    ],
)
def test_a_missing_model_is_not_another_one(name: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        find_model(name)


def test_a_package_without_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locate.resources, "files", lambda _: tmp_path / "a" / "b")
    with pytest.raises(SpecError, match="turnover: no such model file"):
        find_model("turnover")


# --- priors ----------------------------------------------------------------------------------

TEXT = {"unit": "1", "reason": "r"}
PRIORS = [
    (Normal(dist="normal", mean=-5.0, sd=2.0, **TEXT), (-5 - 2 * 1.6448536, -5 + 2 * 1.6448536)),
    (HalfNormal(dist="half_normal", sd=2.0, **TEXT), (2 * 0.0627068, 2 * 1.9599640)),
    (
        LogNormal(dist="lognormal", median=0.5, sigma=0.4, **TEXT),
        (0.5 * math.exp(-0.4 * 1.6448536), 0.5 * math.exp(0.4 * 1.6448536)),
    ),
]


@pytest.mark.parametrize(
    ("prior", "expected"), PRIORS, ids=lambda value: getattr(value, "dist", "")
)
def test_intervals_of_priors(prior: Any, expected: tuple[float, float]) -> None:
    assert interval(prior) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("prior", "_"), PRIORS, ids=lambda value: getattr(value, "dist", ""))
def test_pymc_and_scipy_agree_on_a_prior(prior: Any, _: object) -> None:
    pm = pytest.importorskip("pymc")
    family = FAMILIES[prior.dist]
    x = np.array([0.1, 0.7, 3.0])
    in_pymc = pm.logp(getattr(pm, family.pymc_name).dist(**family.pymc_arguments(prior)), x)
    assert in_pymc.eval() == pytest.approx(frozen(prior).logpdf(x), rel=1e-7)


# --- explained -------------------------------------------------------------------------------


def test_every_prior_has_a_human_scale_and_every_section_a_title() -> None:
    assert tuple(HUMAN_SCALES) == tuple(TurnoverSpec.model_fields["priors"].annotation.model_fields)
    assert set(HUMAN_SCALES) <= set(VARIABLES)
    sections = {name for name, part in CONTENT.items() if isinstance(part, dict)}
    # The priors of the joint model are told with those of its other blocks.
    assert {*SECTIONS, "priors", "joint_priors"} == sections


def test_human_scales_by_hand() -> None:
    lines = {line.name: line for line in explain_priors(load_spec(MODEL))}
    # exp(5.5 ∓ 1.5 · 1.645): 21 to 2,885 years
    assert lines["alpha"].human_interval == pytest.approx((20.75, 2885.0), rel=1e-3)
    # d(100) - d(20) = ln 11 - ln 3 = 1.2993
    d = math.log(11 / 3)
    assert lines["beta"].human_interval == pytest.approx(
        (math.exp(d * (1 - 1.644854)), math.exp(d * (1 + 1.644854))), rel=1e-5
    )
    assert lines["gamma"].human_interval == pytest.approx(
        (math.exp(-0.8224268), math.exp(0.8224268)), rel=1e-6
    )
    # 0.5 exp(-+ 0.6 · 1.644854): 0.18637 and 1.34145
    assert lines["sigma_biome"].human_interval == pytest.approx(
        (math.exp(0.18637), math.exp(1.34145)), rel=1e-4
    )
    assert lines["sigma_profile"].human_interval == pytest.approx(
        (math.exp(0.0627068), math.exp(1.9599640)), rel=1e-6
    )
    assert lines["tau"].human_interval == pytest.approx(
        (math.exp(0.6 * math.exp(-0.6579415)), math.exp(0.6 * math.exp(0.6579415))), rel=1e-6
    )


def test_the_depth_span_is_that_of_the_model() -> None:
    for reference in (0.0, 20.0, 55.5):
        assert depth_span(reference) == pytest.approx(
            float(depth_basis(100.0, reference)), abs=1e-12
        )


def test_the_text_tells_everything() -> None:
    spec = load_spec(MODEL)
    text = explain_spec(spec, "models/turnover.toml")
    assert text.startswith("models/turnover.toml: model turnover\n")
    assert spec_hash(spec) in text
    assert "turnover at 20 cm, typical biome: 20.8 to 2,890 years" in text
    for name in HUMAN_SCALES:
        assert getattr(spec.priors, name).reason in text
    for section in SECTIONS:
        assert all(f"  {key} " in text for key in dump_spec(spec)[section])
