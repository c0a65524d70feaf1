"""What a user who installs the package gets."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_wheel_holds_models_types_and_tables(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    run = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (info,) = {name.split("/")[0] for name in held if ".dist-info/" in name}
        metadata = archive.read(f"{info}/METADATA").decode()
        entry_points = archive.read(f"{info}/entry_points.txt").decode()
    source = ROOT / "src"
    expected = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    expected |= {f"bayes_rootc/_models/{path.name}" for path in ROOT.glob("models/*.toml")}
    assert "bayes_rootc/_models/turnover.toml" in expected
    assert expected <= held
    assert "License-Expression: BSD-3-Clause" in metadata
    assert "bayes_rootc = bayes_rootc.cli.main:main" in entry_points


def test_locks_are_exact_hashed_and_agree() -> None:
    runtime, dev = pins("requirements.txt"), pins("requirements-dev.txt")
    assert runtime.items() <= dev.items()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    assert names(project["project"]["dependencies"]) | names(groups["build"]) <= set(runtime)
    assert names(groups["dev"]) <= set(dev)


def pins(lock: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name to version and hashes; every requirement must be exact and carry a hash."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line and not line.lstrip().startswith("#"):
            match = re.match(r"([a-z0-9-]+)==([\w.]+)", line)
            hashes = tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", line))
            assert match, line
            assert hashes, line
            found[match[1]] = (match[2], hashes)
    return found


def names(requirements: list[str]) -> set[str]:
    return {
        re.split(r"[^A-Za-z0-9._-]", text)[0].lower().replace("_", "-") for text in requirements
    }
