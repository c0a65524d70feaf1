"""What a report says, apart from how it is written: banners, facts, tables and figures."""

from __future__ import annotations

import xarray as xr

from bayes_rootc.inference.gate import UNRESOLVED
from bayes_rootc.report import numbers
from bayes_rootc.report.kinds import kind_of
from bayes_rootc.report.parts import Banner, Diagnostics, Report, make_picture, make_table
from bayes_rootc.report.stored import group, json_attribute, origin_of


def build_report(run: xr.DataTree, diagnostics: Diagnostics) -> Report:
    """Read a stored run into a report; nothing is fitted.

    Parameters
    ----------
    run : DataTree
        The stored run; its model says which report it gets.
    diagnostics : mapping
        The gate's verdict (``diagnostics.json``); may be empty.

    Raises
    ------
    RunError
        If the run lacks a group or variable, or is of a model without a report.
    """
    attrs = run.attrs
    kind = kind_of(run)
    run = kind.prepare(run)
    made = (make_table(name, record, run, diagnostics) for name, record in kind.tables.items())
    drawn = (make_picture(name, record, run) for name, record in kind.figures.items())
    return Report(
        title=f"{kind.title}: {origin_of(attrs)}",
        lead=kind.lead(run),
        banners=tuple(banners_of(run, diagnostics)),
        verdict=_verdict(diagnostics),
        passed=bool(diagnostics.get("passed", False)),
        facts=kind.facts(run, diagnostics),
        key_table=kind.key_table(run),
        tables=tuple(table for table in made if table is not None),
        pictures=tuple(picture for picture in drawn if picture is not None),
        notes=tuple(str(note) for note in json_attribute(run, "notes", [])),
        certificate=tuple(certificate_of(run, diagnostics)),
    )


def banners_of(run: xr.DataTree, diagnostics: Diagnostics) -> list[Banner]:
    """Return what a reader of a run must see first."""
    banners = []
    if run.attrs.get("source") == "simulated":
        banners.append(
            Banner(
                "SIMULATED WORLD",
                "Every number here describes an invented soil whose truth is known. "
                "Nothing was measured.",
            )
        )
    if run.attrs.get("status") != "complete":
        sizes = group(run, "posterior").sizes
        planned = run.attrs.get("draws_asked", "unknown")
        banners.append(
            Banner(
                "PARTIAL",
                f"The sampler was stopped. Used are {sizes['draw']} of {planned} draws of each of "
                f"the {sizes['chain']} chains that had enough. The numbers are provisional.",
            )
        )
    if "passed" not in diagnostics:
        banners.append(
            Banner(
                "NOT CHECKED",
                "The run has no verdict on convergence. Do not use its numbers before it has one.",
            )
        )
    elif str(diagnostics.get("verdict", "")).startswith(UNRESOLVED):
        banners.append(
            Banner(
                "NOT RESOLVED",
                "The chains agree, but layers scatter about their profiles less than the table of "
                "the likelihood resolves: k of single layers is approximate. More draws do not "
                "help; the guide says what does.",
            )
        )
    elif not diagnostics["passed"]:
        banners.append(
            Banner(
                "NOT CONVERGED",
                "At least one check of the sampler failed; the verdict below says which. Do not "
                "use these numbers: sample longer, or mend the model.",
            )
        )
    return banners


def _verdict(diagnostics: Diagnostics) -> str:
    if "passed" not in diagnostics:
        return "Gate: not checked"
    word = "passed" if diagnostics["passed"] else "FAILED"
    said = str(diagnostics.get("verdict", ""))
    return f"Gate {word}. {said[:1].upper()}{said[1:]}".strip()


def certificate_of(run: xr.DataTree, diagnostics: Diagnostics) -> list[tuple[str, str]]:
    """Return what a run was made of: names for people, and values."""
    names = {
        "version": "bayes_rootc version",
        "spec_hash": "spec hash (sha256)",
        "data_hash": "data hash (sha256)",
        "seed": "seed",
        "created": "date of the fit",
        "source": "source",
        "origin": "origin",
        "status": "status",
        "chains": "chains",
        "tune": "tuning draws",
        "draws": "draws per chain",
        "draws_asked": "draws asked for",
        **kind_of(run).certificate,
    }
    attrs = run.attrs | {"origin": origin_of(run.attrs)}
    rows = [(title, numbers.text(attrs.get(name, "unknown"))) for name, title in names.items()]
    engines = json_attribute(run, "engines", {})
    rows += [(f"{name} version", str(version)) for name, version in engines.items()]
    seconds = diagnostics.get("sampling_seconds")
    if seconds is not None:
        rows.append(("sampling time (s)", numbers.three_digits(seconds)))
    if diagnostics.get("attempts") == 2:
        rows.append(("attempts", "2; the first draws diverged, the second have shorter steps"))
    return rows
