"""Fake runs on disk, for tests of commands that read what a fit has stored."""

from __future__ import annotations

import json
from pathlib import Path

import xarray as xr

from bayes_rootc.inference.store import write_tree
from fake_run import fake_diagnostics


def store(run: xr.DataTree, folder: Path) -> Path:
    """Store a fake run as a fit does."""
    folder.mkdir(parents=True)
    write_tree(run, folder / "fit.nc")
    names = ("spec_hash", "data_hash", "status")
    certificate = {name: run.attrs[name] for name in names} | {"spec": {"model": "fake"}}
    (folder / "run.json").write_text(json.dumps(certificate), encoding="utf-8")
    (folder / "diagnostics.json").write_text(json.dumps(fake_diagnostics()), encoding="utf-8")
    return folder
