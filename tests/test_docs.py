"""README and docs: every code block runs, every link leads somewhere."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bayes_rootc.cli.main import VERBS, main, parse_verb
from bayes_rootc.data.world import simulate_world
from bayes_rootc.inference.learned_folder import Learned, write_learned
from bayes_rootc.learning.learners import LEARNERS
from bayes_rootc.loss.estimates import ESTIMATES, STUDY
from bayes_rootc.report import write
from bayes_rootc.report.figures import style
from bayes_rootc.spec.load import load_turnover
from bayes_rootc.spec.locate import packaged_models
from fake_joint import fake_joint
from fake_learning import fake_learning
from fake_run import fake_run
from stored_runs import store

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(#[^)\s]*)?\)")

RESULTS = {
    "i_root": "I_root",
    "i_bulk": "I_bulk",
    "i_loss": "I_loss",
    "loss_share": "I_loss/I_root",
}
"""Quantity of the report → row of the README's table."""

PARSED_ONLY = {
    "fit": "a fit takes minutes; tests/test_fit.py and tests/test_flow_run.py run it",
    "sensitivity": "three fits; tests/test_flow_run.py runs it",
    "structures": "a dozen fits; tests/test_structures_run.py runs it (make check-slow)",
    "crossval": "five fits; tests/test_crossval.py runs it",
    "learn": "minutes; tests/test_learning.py and tests/test_learning_crossval.py run it",
    "grid": "needs the grid of the data folder; tests/test_cli_map.py runs it",
    "map": "needs the grid of the data folder; tests/test_cli_map.py runs it",
    "data fetch": "needs the network; tests/test_data_fetch.py runs it",
}
"""Commands whose words are parsed by the program's own parser but not executed, and why."""


@dataclass(frozen=True)
class Block:
    """A fenced block: page, line, language, what follows the language, text."""

    page: Path
    line: int
    language: str
    info: str
    text: str

    @property
    def name(self) -> str:
        """Where it is."""
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text[: found.start()].count("\n") + 1
        yield Block(page, line, found[1], found[2].strip(), found[3])


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def named(language: str) -> Any:
    chosen = [block for block in BLOCKS if block.language == language]
    return pytest.mark.parametrize("block", chosen, ids=[block.name for block in chosen])


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as a user would have it: layers, a run of each kind, modules of one's own."""
    folder = tmp_path_factory.mktemp("work")
    world = simulate_world(load_turnover(packaged_models()["turnover"]), 60, seed=2)
    world.table.to_csv(folder / "my_layers.csv", index=False)
    for name in ("mine", "other"):
        store(fake_run(), folder / "runs" / name)
    store(fake_joint(draws=60, keep=30), folder / "runs" / "joint")
    tables, info = fake_learning()
    write_learned(Learned(tables, info), {}, folder / "runs" / "learning")
    for block in BLOCKS:
        if block.info.startswith("file="):
            (folder / block.info.removeprefix("file=")).write_text(block.text, encoding="utf-8")
    return folder


@pytest.fixture
def workspace(stored: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work there, with few pixels; what modules register is taken back."""
    monkeypatch.chdir(stored)
    monkeypatch.setattr(sys, "path", [str(stored), *sys.path])
    monkeypatch.setattr(style, "DPI", 30)
    monkeypatch.setattr(write, "MAX_HTML_BYTES", 50_000_000)
    yield stored
    LEARNERS.pop("nearest", None)
    del ESTIMATES[len(STUDY) :]
    for name in ("my_learner", "my_estimate"):
        sys.modules.pop(name, None)


def test_there_are_blocks_of_known_languages_only() -> None:
    assert len(BLOCKS) > 20
    assert {block.language for block in BLOCKS} <= {"sh", "python", "toml"}
    for page in PAGES:  # an opening fence without a language would be overlooked
        fences = re.findall(r"^```.*$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(fences) == 2 * len([block for block in BLOCKS if block.page == page]), page


@named("sh")
def test_commands_run(block: Block, workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        if words[0] == "make":
            assert words[1] in targets, line
            continue
        assert words[:3] == ["python", "-m", "bayes_rootc"], line
        given = words[3:]
        # Ends the test where an option or a verb does not exist.
        parse_verb(given[0], given[1:], "python -m bayes_rootc")
        if given[0] in PARSED_ONLY or " ".join(given[:2]) in PARSED_ONLY:
            continue
        assert main(given) in (0, None), line
        assert capsys.readouterr().out, line


@named("python")
def test_python_runs(block: Block, workspace: Path) -> None:
    exec(compile(block.text, block.name, "exec"), {})


@named("toml")
def test_model_files_are_accepted(block: Block) -> None:
    """A fragment holds in at least one of the packaged files that have its sections."""
    fragment = tomllib.loads(block.text)
    problems = []
    for name, path in packaged_models().items():
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        try:
            view(name, merged(content, fragment))
        except Exception as error:  # whichever: another file may take it
            problems.append(f"{name}: {error}")
        else:
            return
    pytest.fail(f"{block.name}: no model file takes it\n" + "\n".join(problems))


def merged(content: dict[str, Any], fragment: dict[str, Any]) -> dict[str, Any]:
    """Put a fragment into a file, section by section."""
    found = dict(content)
    for key, value in fragment.items():
        old = found.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        found[key] = merged(old, value) if both and old is not None else value
    return found


def view(name: str, content: dict[str, Any]) -> object:
    """Check a file's content by its kind."""
    from bayes_rootc.spec import load

    others = {"learning": load.LearningSpec, "map": load.MapSpec, "structures": load.StructuresSpec}
    if name in others:
        return others[name].model_validate(content)
    if "blocks" in content:
        content["blocks"] = load._read_blocks(content["blocks"], packaged_models()["joint"])
    return load.parse_spec(content)


def test_what_is_only_parsed_exists() -> None:
    assert {name.split()[0] for name in PARSED_ONLY} <= set(VERBS)


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "reports").glob("*/README.md"))], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path = (page.parent / target).resolve()
        assert path.exists(), f"{page.name}: {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor[1:] in slugs, f"{page.name}: {target}{anchor}"


def test_paths_in_code_spans_exist() -> None:
    for page in PAGES:
        for path in re.findall(r"`((?:src|tests|models)/[\w./-]+\.\w+)`", page.read_text("utf-8")):
            assert "NAME" in path or (ROOT / path).exists(), f"{page.name}: {path}"


def test_readme_numbers_of_one_sample(capsys: pytest.CaptureFixture[str]) -> None:
    lines = next(b.text for b in BLOCKS if "--delta14c -150" in b.text).splitlines()
    outputs = []
    for line in lines:
        assert main(shlex.split(line, comments=True)[3:]) == 0
        outputs.append(capsys.readouterr().out)
    assert re.search(r"1[,]?5[4-7]\d", outputs[0])
    years = sorted(mode["turnover_years"] for mode in json.loads(outputs[1])["modes"])
    assert years == pytest.approx([2.6, 90.0], rel=0.02)
    assert outputs[2].startswith("year,delta14c\n1950.0000,")


def test_readme_numbers_from_python(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = next(b for b in BLOCKS if b.page.name == "README.md" and b.language == "python")
    first = block.text.split("\n\n")[:2]  # the fit itself runs above
    exec("\n".join(first), {})
    assert "(2.6, 0.85), (90.1, 0.15)" in capsys.readouterr().out


def test_results_of_the_readme_are_those_of_the_report_kept_here() -> None:
    table = pd.read_csv(ROOT / "reports/real-data/joint/tables/key_numbers.csv", index_col=0)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for quantity, name in RESULTS.items():
        cells = []
        for statistic in ("mean", "typical"):
            values = table.loc[quantity, [f"{statistic}{e}" for e in ("", "_q025", "_q975")]]
            middle, low, high = values.astype(float)
            if quantity == "loss_share":
                cells.append(f"{100 * middle:.0f} % ({100 * low:.0f}-{100 * high:.0f})")
            else:
                cells.append(f"{middle:.2f} ({low:.2f}-{high:.2f})")
        assert f"| {name} | {' | '.join(cells)} |" in readme


def test_results_of_the_learners_are_those_of_the_report_kept_here() -> None:
    scores = pd.read_csv(ROOT / "reports/real-data/learning/tables/scores.csv")
    r2 = scores[scores["learner"] == "ensemble"].set_index(["target", "rule"])["r2"]
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for target, name in {
        "i_root": "ln I_root", "i_bulk": "ln I_bulk of a layer", "f_bnpp": "logit BNPP/NPP",
        "ln_k": "ln k of a layer", "ln_rho": "ln carbon density of a layer",
    }.items():  # fmt: skip
        assert f"| {name} | {r2[target, 'random']:.2f} | {r2[target, 'grouped']:.2f} |" in page


def test_results_of_the_structures_are_those_of_the_report_kept_here() -> None:
    tables = ROOT / "reports/real-data/structures/tables"
    scores = pd.read_csv(tables / "comparison.csv").set_index(["criterion", "structure"])
    flows = pd.read_csv(tables / "flows.csv").query(
        "biome == 'all' and layer_cm == '0-200' and statistic == 'mean over sites'"
    )
    flows = flows.set_index("structure")
    survival = pd.read_csv(tables / "survival.csv").set_index(["structure", "statistic"])
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for structure, name in {
        "two_pool": "two pools (30 % fast)", "lognormal": "log-normal", "gamma": "gamma",
        "gamma_by_depth": "gamma, shape by depth",
    }.items():  # fmt: skip
        cells = []
        for criterion in ("layer", "profile", "study"):
            row = scores.loc[criterion, structure]
            cells.append(f"{row['difference']:+.0f} ± {row['difference_se']:.0f}")
        cells.append(f"{scores.loc[('study', structure), 'weight']:.2f}")
        cells += _bulk_and_share(flows.loc[structure])
        assert f"| {name} | {' | '.join(cells)} |" in page
    assert f"| stacked | | | | | {' | '.join(_bulk_and_share(flows.loc['stacked']))} |" in page
    mixed = survival.loc["stacked", "mean over sites"]
    low, middle, high = (100.0 * mixed[f"survives{e}"] for e in ("_q025", "_q50", "_q975"))
    assert f"{middle:.0f} % survives" in page
    assert f"of {low:.0f} to {high:.0f} %" in page


def _bulk_and_share(row: pd.Series) -> list[str]:
    bulk = [row[f"i_bulk{end}"] for end in ("_q50", "_q025", "_q975")]
    share = [100.0 * row[f"loss_share{end}"] for end in ("_q50", "_q025", "_q975")]
    return [f"{bulk[0]:.2f} ({bulk[1]:.2f}-{bulk[2]:.2f})",
            f"{share[0]:.0f} ({share[1]:.0f}-{share[2]:.0f})"]  # fmt: skip
