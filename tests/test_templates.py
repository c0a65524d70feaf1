"""Tables to fill in are taken by the readers as they are, and say what the readers want."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bayes_rootc.cli.main import main
from bayes_rootc.data import npp, roots, tidy
from bayes_rootc.data.npp import read_npp
from bayes_rootc.data.roots import read_roots
from bayes_rootc.data.site_table import SiteFormat
from bayes_rootc.data.templates import TEMPLATES, write_template
from bayes_rootc.spec.joint import NppSelect, RootsSelect


def test_layers_to_fill_in_are_taken_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["data", "template", "radiocarbon"]) == 0
    said = capsys.readouterr().out
    assert "delta14c" in said
    assert "then: data check radiocarbon.csv" in said
    assert main(["data", "check", "radiocarbon.csv"]) == 0
    assert "3" in capsys.readouterr().out
    assert len(tidy.read(tmp_path / "radiocarbon.csv")) == 3
    assert main(["data", "template", "radiocarbon"]) == 2
    assert "radiocarbon.csv: exists; --overwrite replaces it" in capsys.readouterr().err
    assert main(["data", "template", "radiocarbon", "--overwrite"]) == 0


def test_sites_to_fill_in_are_taken_as_they_are(tmp_path: Path) -> None:
    found = read_npp(write_template("npp", tmp_path / "n.csv"), NppSelect(), "file")
    assert len(found.table) == 2
    assert found.table["bnpp"].tolist() == [3.1, 2.5]  # Mg C ha-1 yr-1
    found = read_roots(write_template("roots", tmp_path / "r.csv"), RootsSelect(), "file")
    assert found.table["d95_cm"].tolist() == [95.0, 60.0]


@pytest.mark.parametrize(("name", "format"), [("npp", npp.FORMAT), ("roots", roots.FORMAT)])
def test_columns_that_a_reader_needs_are_there(name: str, format: SiteFormat) -> None:
    needed = {column.known[0] for column in format.columns if column.required}
    fields = TEMPLATES[name].fields
    assert needed == {field.name for field in fields if field.required}
    assert {field.name for field in fields} <= {column.known[0] for column in format.columns}


def test_columns_of_layers_are_those_of_their_reader(tmp_path: Path) -> None:
    fields = TEMPLATES["radiocarbon"].fields
    assert {field.name for field in fields if field.required} == set(tidy.REQUIRED)
    assert {field.name for field in fields if not field.required} == set(tidy.TO_FILL_IN)
    for field in fields:
        table = pd.read_csv(write_template("radiocarbon", tmp_path / f"{field.name}.csv"))
        assert table[field.name].notna().any()
