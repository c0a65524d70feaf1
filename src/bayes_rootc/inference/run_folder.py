"""The folder of one run: its inputs, its draws, its results, and its birth certificate."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_rootc.data.layers import Drop, LayerData, table_hash
from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing, write_text
from bayes_rootc.spec.load import dump_spec, parse_spec, spec_hash
from bayes_rootc.spec.turnover import TurnoverSpec
from bayes_rootc.version import __version__

ENGINES = ("pymc", "pytensor", "nutpie", "numpy")


@dataclass(frozen=True)
class RunFolder:
    """Names of the files of a run."""

    path: Path

    @property
    def fit(self) -> Path:
        """Results: a DataTree as netCDF."""
        return self.path / "fit.nc"

    @property
    def draws(self) -> Path:
        """Draws while the sampler runs, as Zarr."""
        return self.path / "draws.zarr"

    @property
    def previous(self) -> Path:
        """Where a run that is being replaced waits until the new one is whole."""
        return self.path.with_name(f"{self.path.name}.previous")

    @property
    def certificate(self) -> Path:
        """What was fitted: hashes, version, seed, status."""
        return self.path / "run.json"

    @property
    def layers(self) -> Path:
        """The layers that entered the fit."""
        return self.path / "layers.csv"

    @property
    def summary(self) -> Path:
        """Population parameters."""
        return self.path / "summary.csv"

    @property
    def diagnostics(self) -> Path:
        """Outcome of the gate."""
        return self.path / "diagnostics.json"


def begin(
    folder: RunFolder,
    spec: TurnoverSpec,
    layers: LayerData,
    *,
    data_folder: Path | None,
    atmosphere_hash: str,
) -> dict[str, Any]:
    """Write the inputs of a run, so that a killed one can be read without anything else.

    A run that is there is set aside; :func:`forget_previous` removes it once the new one is whole.

    Returns
    -------
    dict
        The birth certificate, status ``sampling``.
    """
    certificate = {
        "status": "sampling",
        "process": {"id": os.getpid(), "host": socket.gethostname()},
        "atmosphere_hash": atmosphere_hash,
        "model": spec.model,
        "spec_hash": spec_hash(spec),
        "data_hash": layers.data_hash,
        "version": __version__,
        "engines": {name: version(name) for name in ENGINES},
        "seed": spec.sampler.seed,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": layers.source,
        "origin": layers.origin,
        "data_format": layers.format,
        "data_folder": None if data_folder is None else str(data_folder),
        "n_read": layers.n_read,
        "drops": [asdict(drop) for drop in layers.drops],
        "implausible": layers.implausible.to_dict(orient="records"),
        "notes": list(layers.notes),
        "truth": layers.truth,
        "spec": dump_spec(spec),
    }
    if folder.certificate.is_file():
        forget_previous(folder)
        folder.path.rename(folder.previous)
    with replacing(folder.layers) as beside:
        layers.table.to_csv(beside, index=False)
    write_certificate(folder, certificate)
    return certificate


def forget_previous(folder: RunFolder) -> None:
    """Remove the run that was set aside."""
    shutil.rmtree(folder.previous, ignore_errors=True)


def refuse_if_running(folder: RunFolder) -> None:
    """Refuse to touch a run whose sampler is at work in another process of this machine.

    Raises
    ------
    RunError
        If it is.
    """
    try:
        certificate = read_certificate(folder)
    except RunError:
        return  # a damaged run is nobody's
    process = certificate.get("process", {})
    elsewhere = process.get("host") != socket.gethostname() or process.get("id") == os.getpid()
    if certificate["status"] == "sampling" and not elsewhere and _is_alive(int(process["id"])):
        raise RunError(
            f"{folder.path}: process {process['id']} is fitting it just now; wait for it or stop it"
        )


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_certificate(folder: RunFolder, certificate: Mapping[str, Any]) -> None:
    """Write ``run.json``."""
    write_text(folder.certificate, json.dumps(certificate, indent=1, ensure_ascii=False) + "\n")


def read_certificate(folder: RunFolder) -> dict[str, Any]:
    """Read ``run.json``.

    Raises
    ------
    RunError
        If the folder is no run, or the file is damaged.
    """
    if not folder.path.is_dir():
        raise RunError(f"{folder.path}: no such run; a run is a folder such as runs/turnover")
    try:
        content = json.loads(folder.certificate.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder.path}: holds no run.json, so it is not a run") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{folder.certificate}: cannot be read: {error}; fit again") from None
    if not isinstance(content, dict) or "spec" not in content or "data_hash" not in content:
        raise RunError(f"{folder.certificate}: not the certificate of a run; fit again")
    return content


def read_inputs(
    folder: RunFolder, certificate: Mapping[str, Any]
) -> tuple[TurnoverSpec, LayerData]:
    """Read back the specification and the layers of a run.

    Raises
    ------
    RunError
        If the layers are missing or were changed.
    """
    spec = parse_spec(dict(certificate["spec"]), where=str(folder.certificate))
    text = {"entry": str, "site": str, "profile": str}
    missing = {name: [""] for name in ("delta14c_err", "mat", "map")}
    try:
        table = pd.read_csv(folder.layers, dtype=text, keep_default_na=False, na_values=missing)
    except (OSError, ValueError) as error:
        raise RunError(f"{folder.layers}: cannot be read: {error}; fit again") from None
    if table_hash(table) != certificate["data_hash"]:
        raise RunError(f"{folder.layers}: differs from the layers that were fitted; fit again")
    return spec, LayerData(
        table=table,
        source=certificate["source"],
        origin=certificate["origin"],
        format=certificate["data_format"],
        n_read=certificate["n_read"],
        drops=tuple(
            Drop(drop["reason"], drop["text"], tuple(drop["rows"])) for drop in certificate["drops"]
        ),
        implausible=pd.DataFrame(certificate["implausible"]),
        data_hash=certificate["data_hash"],
        truth=certificate["truth"],
        notes=tuple(certificate["notes"]),
    )
