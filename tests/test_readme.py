"""The README's examples run, and say what it says they say."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from bayes_rootc.cli.main import main

README = Path(__file__).parents[1] / "README.md"


def block(kind: str) -> str:
    """Return the code block that follows the marker of a kind."""
    found = re.search(
        rf"<!-- test: {kind} -->\n```\w+\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found, kind
    return found[1]


def test_shell_example(capsys: pytest.CaptureFixture[str]) -> None:
    lines = block("shell").splitlines()
    outputs = []
    for line in lines:
        words = shlex.split(line)
        assert words[:3] == ["python", "-m", "bayes_rootc"]
        assert main(words[3:]) == 0
        outputs.append(capsys.readouterr().out)
    assert re.search(r"1[,]?5[4-7]\d", outputs[0])
    years = sorted(mode["turnover_years"] for mode in json.loads(outputs[1])["modes"])
    assert years == pytest.approx([2.6, 90.0], rel=0.02)
    assert outputs[2].startswith("year,delta14c\n1950.0000,")


def test_python_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python"), str(README), "exec"), {})
    output = capsys.readouterr().out
    assert "(2.6, 0.85), (90.1, 0.15)" in output
    assert "converged" in output
    assert (tmp_path / "runs" / "example" / "fit.nc").is_file()
