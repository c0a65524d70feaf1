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

from bayes_rootc.data.inputs import Inputs, data_hash_of, no_places
from bayes_rootc.data.prior_means import CERTIFICATE as LEARNING_CERTIFICATE
from bayes_rootc.data.table_data import Drop, TableData, table_hash
from bayes_rootc.errors import RunError
from bayes_rootc.files import replacing, write_text
from bayes_rootc.spec.load import Spec, dump_spec, parse_spec, spec_hash
from bayes_rootc.version import __version__

PLACES = "places"
TEXT_COLUMNS = ("entry", "site", "profile", "place", "contributor")
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
        """Draws while the sampler runs."""
        return self.path / "draws.nc"

    @property
    def previous(self) -> Path:
        """Where a run that is being replaced waits until the new one is whole."""
        return self.path.with_name(f"{self.path.name}.previous")

    @property
    def certificate(self) -> Path:
        """What was fitted: hashes, version, seed, status."""
        return self.path / "run.json"

    def table(self, name: str) -> Path:
        """Return the path of a table that entered the fit, such as ``layers``."""
        return self.path / f"{name}.csv"

    @property
    def summary(self) -> Path:
        """Population parameters."""
        return self.path / "summary.csv"

    @property
    def diagnostics(self) -> Path:
        """Outcome of the gate."""
        return self.path / "diagnostics.json"


def begin(folder: RunFolder, spec: Spec, inputs: Inputs, *, atmosphere_hash: str) -> dict[str, Any]:
    """Write the inputs of a run, so that a killed one can be read without anything else.

    A run that is there is set aside; :func:`forget_previous` removes it once the new one is whole.

    Returns
    -------
    dict
        The birth certificate, status ``sampling``.
    """
    tables = inputs.tables
    many = len(tables) > 1
    certificate = {
        "status": "sampling",
        "process": {"id": os.getpid(), "host": socket.gethostname()},
        "atmosphere_hash": atmosphere_hash,
        "model": spec.model,
        "spec_hash": spec_hash(spec),
        "data_hash": inputs.data_hash,
        "version": __version__,
        "engines": {name: version(name) for name in ENGINES},
        "seed": spec.sampler.seed,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "source": inputs.source,
        "origin": inputs.origin,
        "data_format": ", ".join(table.format for table in tables.values()),
        "data_folder": None if inputs.folder is None else str(inputs.folder),
        "n_read": sum(table.n_read for table in tables.values()),
        "drops": [
            asdict(drop) | {"table": name, "text": f"{name}: {drop.text}" if many else drop.text}
            for name, table in tables.items()
            for drop in table.drops
        ],
        "implausible": [
            row for table in tables.values() for row in table.implausible.to_dict(orient="records")
        ],
        "tables": {name: _about(table) for name, table in tables.items()},
        "notes": list(inputs.notes),
        "truth": inputs.truth,
        "spec": dump_spec(spec),
    }
    if folder.certificate.is_file():
        forget_previous(folder)
        folder.path.rename(folder.previous)
    frames = {name: table.table for name, table in tables.items()}
    if len(inputs.places):
        frames[PLACES] = inputs.places
    for name, frame in frames.items():
        with replacing(folder.table(name)) as beside:
            frame.to_csv(beside, index=False)
    write_certificate(folder, certificate)
    return certificate


def _about(table: TableData) -> dict[str, Any]:
    return {
        "source": table.source,
        "origin": table.origin,
        "format": table.format,
        "n_read": table.n_read,
        "drops": [asdict(drop) for drop in table.drops],
        "implausible": table.implausible.to_dict(orient="records"),
        "data_hash": table.data_hash,
        "notes": list(table.notes),
    }


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
        raise RunError(
            f"{folder.path}: no such run; a run is a folder that `fit` made, such as runs/NAME"
        )
    try:
        content = json.loads(folder.certificate.read_text(encoding="utf-8"))
    except FileNotFoundError:
        is_learned = (folder.path / LEARNING_CERTIFICATE).exists()
        found = "is a learning run; a fitted run is" if is_learned else "is not a run: it is"
        raise RunError(
            f"{folder.path}: {found} a folder that `fit` made, which holds run.json"
        ) from None
    except (OSError, ValueError) as error:
        raise RunError(f"{folder.certificate}: cannot be read: {error}; fit again") from None
    if not isinstance(content, dict) or "spec" not in content or "data_hash" not in content:
        raise RunError(f"{folder.certificate}: not the certificate of a run; fit again")
    return content


def read_inputs(folder: RunFolder, certificate: Mapping[str, Any]) -> tuple[Spec, Inputs]:
    """Read back the specification and the tables of a run.

    Raises
    ------
    RunError
        If a table is missing or was changed.
    """
    spec = parse_spec(dict(certificate["spec"]), where=str(folder.certificate))
    tables = {}
    for name, about in certificate["tables"].items():
        frame = _read_frame(folder.table(name))
        if table_hash(frame) != about["data_hash"]:
            raise RunError(
                f"{folder.table(name)}: differs from the {name} that were fitted; fit again"
            )
        drops = tuple(
            Drop(drop["reason"], drop["text"], tuple(drop["rows"])) for drop in about["drops"]
        )
        kept = {key: about[key] for key in ("source", "origin", "format", "n_read", "data_hash")}
        tables[name] = TableData(
            table=frame,
            drops=drops,
            implausible=pd.DataFrame(about["implausible"]),
            notes=tuple(about["notes"]),
            **kept,
        )
    has_places = folder.table(PLACES).is_file()
    inputs = Inputs(
        tables=tables,
        places=_read_frame(folder.table(PLACES)) if has_places else no_places(),
        folder=Path(certificate["data_folder"]) if certificate["data_folder"] else None,
        source=certificate["source"],
        origin=certificate["origin"],
        data_hash=certificate["data_hash"],
        notes=tuple(certificate["notes"]),
        truth=certificate["truth"],
    )
    if data_hash_of(inputs.tables, inputs.places) != certificate["data_hash"]:
        raise RunError(f"{folder.path}: its tables differ from those that were fitted; fit again")
    return spec, inputs


def _read_frame(path: Path) -> pd.DataFrame:
    """Read a table of the run: names are text, everything else numbers with gaps."""
    try:
        header = pd.read_csv(path, nrows=0).columns
        missing = {name: [""] for name in header if name not in TEXT_COLUMNS}
        return pd.read_csv(
            path,
            dtype={name: str for name in header if name in TEXT_COLUMNS},
            keep_default_na=False,
            na_values=missing,
        )
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read: {error}; fit again") from None
