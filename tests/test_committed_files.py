"""What no file of the repository may hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LARGEST_PAGE = 8_000_000
"""Bytes of a report: what a mail server takes."""

# Put together here, so that this file does not hold what it looks for.
PRIVATE = re.compile(
    "|".join(
        [
            r"\bpypi" + r"\.(org|python\.org)",
            "pythonhosted" + r"\.org",
            r"\bfile:" + "//",
            r"--(extra-)?index-url[ =]" + r"\S*:",
            r"(?<![\w.~}*)-])/(home|root|Users|work|opt|mnt)" + r"/\w",
        ]
    )
)


def private_lines(text: str) -> list[int]:
    """Numbers of the lines that name a package index or a place on somebody's machine."""
    return [n for n, line in enumerate(text.splitlines(), start=1) if PRIVATE.search(line)]


def test_no_file_names_an_index_or_a_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    found = []
    for name in filter(None, listed):
        path = ROOT / name
        if not path.is_file():
            continue  # deleted, not yet committed
        content = path.read_bytes()
        if b"\0" not in content[:8192]:
            numbers = private_lines(content.decode("utf-8"))
            found += [f"{name}:{number}" for number in numbers]
    assert "pyproject.toml" in listed
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "see /" + "home/ann/x",
        "'/" + "work/main'",
        "https://" + "pypi" + ".org/simple",
        "file:" + "///x",
    ],
)
def test_private_lines_are_seen(line: str) -> None:
    assert private_lines(f"good\n{line}\n") == [2]


@pytest.mark.parametrize("line", ["src/work/a.py", "raw/roots/x.csv", "../shared/data", "a / b"])
def test_ordinary_lines_pass(line: str) -> None:
    assert private_lines(line) == []


def test_reports_kept_here_are_small_enough_to_be_sent() -> None:
    pages = sorted((ROOT / "reports" / "real-data").glob("*/report.html"))
    assert {page.parent.name for page in pages} == {"joint", "learning", "map", "structures"}
    assert all(page.stat().st_size < LARGEST_PAGE for page in pages)
