"""Model files of stocks, inputs, roots, and of all jointly; each error by its message."""

from __future__ import annotations

import copy
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bayes_rootc.errors import SpecError
from bayes_rootc.spec.joint import JointSpec
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.spec.load import (
    BLOCKS,
    SPECS,
    dump_spec,
    load_learning,
    load_map,
    load_spec,
    load_turnover,
    parse_spec,
    spec_hash,
)
from bayes_rootc.spec.locate import packaged_models
from bayes_rootc.spec.map import MapSpec

MODELS = Path(__file__).parents[1] / "models"
JOINT = dump_spec(load_spec(MODELS / "joint.toml"))


def changed(*path: str | int, to: object) -> dict[str, Any]:
    """Content of the joint model, blocks read, with one key set."""
    content = copy.deepcopy(JOINT)
    section: Any = content
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = to
    return content


def joint_file(folder: Path, blocks: str) -> Path:
    """Write the joint file with other blocks."""
    text = (MODELS / "joint.toml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("blocks"))
    path = folder / "joint.toml"
    path.write_text(text.replace(line, f"blocks = {blocks}"), encoding="utf-8")
    return path


def test_another_number_of_draws_leaves_the_steps_as_short_as_the_model_has_them() -> None:
    content = changed("sampler", to={"draws": 3000})
    assert parse_spec(content).sampler == load_spec(MODELS / "joint.toml").sampler.model_copy(
        update={"draws": 3000}
    )


def test_every_model_has_its_file() -> None:
    assert set(packaged_models()) == {*SPECS, "learning", "map", "structures"}


@pytest.mark.parametrize("name", SPECS)
def test_every_model_loads_and_comes_back_from_its_dictionary(name: str) -> None:
    spec = load_spec(packaged_models()[name])
    assert spec.model == name
    again = parse_spec(dump_spec(spec))
    assert again == spec
    assert spec_hash(again) == spec_hash(spec)


@pytest.mark.parametrize("name", SPECS)
def test_every_prior_has_a_unit_and_a_reason(name: str) -> None:
    spec = load_spec(packaged_models()[name])
    blocks = spec.blocks if isinstance(spec, JointSpec) else (spec,)
    for block in blocks:
        for section in ("priors", "joint_priors"):
            for key, prior in dump_spec(block).get(section, {}).items():
                assert prior["unit"] and prior["reason"], key


def test_the_hashes_of_the_models_differ() -> None:
    files = packaged_models()
    assert len({spec_hash(load_spec(files[name])) for name in SPECS}) == len(SPECS)


def test_the_joint_model_has_every_block_and_the_priors_of_its_file() -> None:
    spec = load_spec(MODELS / "joint.toml")
    assert isinstance(spec, JointSpec)
    assert tuple(block.model for block in spec.blocks) == BLOCKS
    for block in spec.blocks:
        alone = load_spec(MODELS / f"{block.model}.toml")
        assert block == alone


def test_the_hash_of_the_joint_model_knows_the_priors_of_its_blocks() -> None:
    other = changed("blocks", 1, "priors", "alpha", "mean", to=0.123)
    assert spec_hash(parse_spec(other)) != spec_hash(parse_spec(JOINT))


def test_a_block_alone_shares_nothing() -> None:
    spec = load_spec(MODELS / "stock.toml")
    assert spec.model == "stock"
    assert (spec.blocks, spec.covariance.shared) == ((spec,), False)


def test_the_block_file_beside_the_joint_file_goes_before_the_packaged_one(tmp_path: Path) -> None:
    text = (MODELS / "bnpp.toml").read_text(encoding="utf-8")
    alpha = tomllib.loads(text)["priors"]["alpha"]
    assert f"mean = {alpha['mean']}" in text
    changed_text = text.replace(f"mean = {alpha['mean']}", "mean = 0.123", 1)
    (tmp_path / "bnpp.toml").write_text(changed_text, encoding="utf-8")
    spec = load_spec(joint_file(tmp_path, '["bnpp", "roots"]'))
    assert isinstance(spec, JointSpec)
    assert spec.blocks[1] == load_spec(MODELS / "roots.toml")
    assert "0.123" in str(spec.blocks[0].priors) and "0.123" not in str(spec.blocks[1].priors)


WRONG_BLOCKS = {
    "twice": ('["stock", "roots", "stock"]', "joint.toml: blocks names stock twice; it must name"),
    "near": ('["stok"]', "joint.toml: blocks names 'stok', which is no block; did you mean stock?"),
    "far": ('["quux"]', "names 'quux', which is no block; it must be of turnover, stock, bnpp"),
    "itself": ('["joint"]', "blocks names 'joint', which is no block"),
    "number": ("[3]", "joint.toml: blocks.0 = 3 is wrong"),
    "none": ("[]", "joint.toml: blocks = [] is wrong; Tuple should have at least 1 item"),
    "no list": ('"stock"', "joint.toml: blocks = 'stock' is wrong"),
}


@pytest.mark.parametrize("case", WRONG_BLOCKS)
def test_wrong_blocks_are_named(tmp_path: Path, case: str) -> None:
    blocks, message = WRONG_BLOCKS[case]
    with pytest.raises(SpecError) as caught:
        load_spec(joint_file(tmp_path, blocks))
    assert message in str(caught.value)


@pytest.mark.parametrize("other", ["bnpp", "joint"])
def test_a_block_file_of_another_model_is_refused(tmp_path: Path, other: str) -> None:
    """The joint file under the name of one of its blocks would read itself for ever."""
    path = joint_file(tmp_path, '["stock"]')
    shutil.copy(path if other == "joint" else MODELS / "bnpp.toml", tmp_path / "stock.toml")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert f"stock.toml: model = '{other}' is not for the block stock" in str(caught.value)


def test_an_error_in_a_block_names_the_file_of_the_block(tmp_path: Path) -> None:
    text = (MODELS / "roots.toml").read_text(encoding="utf-8")
    (tmp_path / "roots.toml").write_text(f"{text}\n[samplr]\nchains = 4\n", encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        load_spec(joint_file(tmp_path, '["roots"]'))
    assert "roots.toml: unknown key samplr; did you mean sampler?" in str(caught.value)


WRONG = {
    "unknown key": (
        ("blocks", 1, "priorss"), {}, "unknown key blocks.1.priorss; did you mean blocks.1.priors?",
    ),
    "unknown prior of a block": (
        ("blocks", 4, "priors", "alpha_ratios"), {}, "did you mean blocks.4.priors.alpha_ratio?",
    ),
    "unknown in a prior of a block": (
        ("blocks", 2, "priors", "alpha", "sdd"), 1.0,
        "unknown key blocks.2.priors.alpha.sdd; did you mean blocks.2.priors.alpha.sd?",
    ),
    "unknown in a section of a block": (
        ("blocks", 0, "likelihood", "model_sdd"), 1.0, "did you mean blocks.0.likelihood.model_sd?",
    ),
    "out of range in a block": (
        ("blocks", 1, "priors", "alpha", "sd"), -1.0,
        "blocks.1.priors.alpha.sd = -1.0 is wrong; Input should be greater than 0",
    ),
    "rule of a block": (
        ("blocks", 0, "likelihood", "floor_sd"), 50.0,
        "spec: blocks.0: likelihood.floor_sd must not be above likelihood.default_sd",
    ),
    "unknown block": (("blocks", 1, "model"), "stok", "blocks.1 is wrong; Input tag 'stok' found"),
    "a block twice": (
        ("blocks",), JOINT["blocks"][1:2] * 2, "spec: blocks names stock twice; it must name each",
    ),
    "depths": (
        ("blocks", 1, "model_options", "reference_depth_cm"), 30.0,
        "spec: the blocks turnover and stock differ in reference_depth_cm: 20 and 30",
    ),
    "turnover alone": (
        ("blocks", 0, "joint_priors"), None, "spec: the block turnover has no [joint_priors]",
    ),
    "two groups": (
        ("covariates", "soil"), ["bio01", "soil_clay"],
        "spec: covariates: bio01 stands in two groups; it must stand in one",
    ),
    "twice in a group": (("covariates", "soil"), ["whc_top"] * 2, "whc_top stands in two groups"),
    "log": (
        ("covariates", "log"), ["bio12", "rain"],
        "spec: covariates: log names rain, which is in no group",
    ),
    "unknown covariate option": (
        ("covariates", "min_varianc"), 1.0, "did you mean covariates.min_variance?",
    ),
    "distance": (("covariates", "max_distance_km"), 0.0, "covariates.max_distance_km = 0.0 is wr"),
    "unknown option of a table": (
        ("data", "roots", "keep_wetlands"), True, "did you mean data.roots.keep_wetland?",
    ),
    "layers are not npp": (
        ("data", "npp", "keep_peat"), True,
        "unknown key data.npp.keep_peat; did you mean data.npp.keep_duplicates?",
    ),
    "covariance": (("covariance", "lkj_eta"), 0.0, "covariance.lkj_eta = 0.0 is wrong"),
    "unknown covariance": (("covariance", "share"), True, "did you mean covariance.shared?"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_key_is_named(case: str) -> None:
    path, value, message = WRONG[case]
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(*path, to=value))
    assert message in str(caught.value)


def test_depths_must_agree_only_where_both_blocks_are_there() -> None:
    content = changed("blocks", 1, "model_options", "reference_depth_cm", to=30.0)
    content["blocks"] = content["blocks"][1:]
    assert isinstance(parse_spec(content), JointSpec)


def test_another_model_where_turnover_is_wanted_is_refused() -> None:
    with pytest.raises(SpecError) as caught:
        load_turnover(MODELS / "stock.toml")
    assert 'stock.toml: model = "stock" is not for this; it must be "turnover"' in str(caught.value)


def test_a_learning_file_is_not_fitted_and_a_model_not_learned() -> None:
    files = packaged_models()
    with pytest.raises(SpecError, match=r"model = 'learning' .* a learning file is for the"):
        load_spec(files["learning"])
    with pytest.raises(SpecError, match=r"model = 'joint' is not for this; .* \"learning\""):
        load_learning(files["joint"])
    assert load_learning(files["learning"]) == LearningSpec.model_validate(
        {"schema": 1, "model": "learning"}
    )


def test_the_packaged_map_file_says_the_defaults() -> None:
    spec = load_map(packaged_models()["map"])
    assert spec == MapSpec.model_validate({"schema": 1, "model": "map"})
    with pytest.raises(SpecError, match=r"model = 'map' .* a map file is for the verb map"):
        load_spec(packaged_models()["map"])
    with pytest.raises(SpecError, match=r"model = 'joint' is not for this; .* \"map\""):
        load_map(packaged_models()["joint"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"engines": ["forest", "forest"]}, "must name forest, posterior or both, each once"),
        ({"engines": ["magic"]}, "'forest' or 'posterior'"),
        ({"output": {"quantiles": [0.9, 0.1]}}, "must rise"),
        ({"output": {"quantiles": [0.1, 0.9]}}, "must hold 0.5 and numbers on both sides of it"),
        ({"output": {"draws": 5}}, "greater than or equal to 20"),
        ({"forest": {"tau": "guess"}}, "'oob' or 'bootstrap'"),
        ({"build": {"north": -10, "south": 10}}, "north must be above south"),
    ],
)
def test_wrong_map_files_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MapSpec.model_validate({"schema": 1, "model": "map"} | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": ["ln_k", "ln_q"]}, "targets names ln_q, which is none; right: i_root"),
        ({"learners": ["svm", "svm"]}, "learners names svm twice; it must name each once"),
        ({"validation": {"n_folds": 1}}, "greater than or equal to 2"),
        (
            {"learners": ["svm", "mars"], "ensemble": {"n_best": 4}},
            "ensemble.n_best = 4, but there are 2 learners; right: 1 to 2",
        ),
    ],
)
def test_wrong_learning_files_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LearningSpec.model_validate({"schema": 1, "model": "learning"} | changes)
