"""Read a model file: schema first, meaning second; every error names file, key path and value."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bayes_rootc.errors import SpecError
from bayes_rootc.files import sha256_of_text
from bayes_rootc.spec.joint import (
    BnppSpec,
    FBnppSpec,
    FlowModel,
    JointSpec,
    RootsSpec,
    StockSpec,
)
from bayes_rootc.spec.learning import LearningSpec
from bayes_rootc.spec.locate import find_model
from bayes_rootc.spec.map import MapSpec
from bayes_rootc.spec.structure import StructureSection
from bayes_rootc.spec.structures import StructuresSpec
from bayes_rootc.spec.turnover import TurnoverSpec

Spec = TurnoverSpec | FlowModel

SPECS: dict[str, type[Spec]] = {
    "turnover": TurnoverSpec,
    "stock": StockSpec,
    "bnpp": BnppSpec,
    "f_bnpp": FBnppSpec,
    "roots": RootsSpec,
    "joint": JointSpec,
}
"""Model name in the file → its typed view."""

VERB_OF = {"learning": "learn", "map": "map", "structures": "structures"}
"""Files of other kinds → the verb that takes them."""

BLOCKS = tuple(name for name in SPECS if name != "joint")


def load_spec(path: Path | str) -> Spec:
    """Read and check a model file.

    Parameters
    ----------
    path : path
        A TOML file such as ``models/turnover.toml``.

    Returns
    -------
    Spec
        The frozen specification; the blocks that a joint model names are read from the files
        beside it, or from the packaged ones.

    Raises
    ------
    SpecError
        If the file cannot be read, is not TOML, has unknown keys (the nearest valid name is
        given), or a value of the wrong type or range.
    """
    path = Path(path)
    content = _read_toml(path)
    if isinstance(content.get("blocks"), list):
        content["blocks"] = _read_blocks(content["blocks"], path)
    return parse_spec(content, where=str(path))


def model_name(path: Path | str) -> str:
    """Kind of model that a file says it is, "" if it does not; errors as of :func:`load_spec`."""
    return str(_read_toml(Path(path)).get("model", ""))


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path}: not valid TOML: {error}") from None


def load_turnover(path: Path | str) -> TurnoverSpec:
    """Read a model file that must be one of the turnover model.

    Raises
    ------
    SpecError
        As :func:`load_spec`, and if the model is another.
    """
    return require_turnover(load_spec(path), str(path))


def require_turnover(spec: Spec, where: str) -> TurnoverSpec:
    """Refuse every model but turnover."""
    if not isinstance(spec, TurnoverSpec):
        raise SpecError(f'{where}: model = "{spec.model}" is not for this; it must be "turnover"')
    return spec


def _read_blocks(names: list[Any], joint: Path) -> list[Any]:
    """Replace the names of blocks by what their files say; the schema judges what is no name."""
    known = {name for name in names if isinstance(name, str)}
    for name in sorted(known):
        if names.count(name) > 1:
            raise SpecError(f"{joint}: blocks names {name} twice; it must name each block once")
        if name not in BLOCKS:
            close = difflib.get_close_matches(name, BLOCKS, n=1, cutoff=0.5)
            hint = f"did you mean {close[0]}?" if close else f"it must be of {', '.join(BLOCKS)}"
            raise SpecError(f"{joint}: blocks names {name!r}, which is no block; {hint}")
    beside = {name: joint.parent / f"{name}.toml" for name in known}
    files = {name: path if path.is_file() else find_model(name) for name, path in beside.items()}
    return [_read_block(name, files[name]) if isinstance(name, str) else name for name in names]


def _read_block(name: str, path: Path) -> dict[str, Any]:
    content = _read_toml(path)
    if content.get("model") != name:
        raise SpecError(
            f"{path}: model = {content.get('model')!r} is not for the block {name}; it must be "
            f'"{name}"'
        )
    return dump_spec(parse_spec(content, where=str(path)))


def parse_spec(content: dict[str, Any], where: str = "spec") -> Spec:
    """Check a specification given as a dictionary; errors as in :func:`load_spec`."""
    name = content.get("model")
    if not isinstance(name, str) or name not in SPECS:
        valid = ", ".join(f'"{known}"' for known in SPECS)
        hint = f"; a {name} file is for the verb {VERB_OF[name]}" if name in VERB_OF else ""
        raise SpecError(f"{where}: model = {name!r} is unknown; it must be one of {valid}{hint}")
    return _validated(SPECS[name], content, where)


def with_sampler(spec: Spec, changes: Mapping[str, Any], where: str) -> Spec:
    """Replace settings of the sampler, checked like the file's; errors as in :func:`load_spec`."""
    content = dump_spec(spec)
    content["sampler"] |= dict(changes)
    return parse_spec(content, where=where)


def parse_structure(content: Mapping[str, Any], where: str) -> StructureSection:
    """Check the section of a structure given as a dictionary; errors as in :func:`load_spec`."""
    return _validated(StructureSection, dict(content), where)


def load_learning(path: Path | str) -> LearningSpec:
    """Read and check a learning file such as ``models/learning.toml``.

    Raises
    ------
    SpecError
        As :func:`load_spec`, and if ``model`` is another than ``learning``.
    """
    return _load_other(LearningSpec, "learning", Path(path))


def load_map(path: Path | str) -> MapSpec:
    """Read and check a map file such as ``models/map.toml``.

    Raises
    ------
    SpecError
        As :func:`load_spec`, and if ``model`` is another than ``map``.
    """
    return _load_other(MapSpec, "map", Path(path))


def load_structures(path: Path | str) -> StructuresSpec:
    """Read and check a structures file such as ``models/structures.toml``.

    Raises
    ------
    SpecError
        As :func:`load_spec`, and if ``model`` is another than ``structures``.
    """
    return _load_other(StructuresSpec, "structures", Path(path))


def _load_other[View: BaseModel](view: type[View], name: str, path: Path) -> View:
    content = _read_toml(path)
    if content.get("model") != name:
        raise SpecError(
            f'{path}: model = {content.get("model")!r} is not for this; it must be "{name}"'
        )
    return _validated(view, content, str(path))


def _validated[View: BaseModel](view: type[View], content: dict[str, Any], where: str) -> View:
    try:
        return view.model_validate(content)
    except ValidationError as error:
        lines = [_explain(issue, view) for issue in error.errors()]
        raise SpecError("\n".join(f"{where}: {line}" for line in lines)) from None


def dump_spec(spec: BaseModel) -> dict[str, Any]:
    """Return the specification as a plain dictionary that :func:`parse_spec` reads back."""
    return spec.model_dump(mode="json", by_alias=True)


def spec_hash(spec: BaseModel) -> str:
    """Return the sha256 of the specification's canonical JSON: same meaning, same hash."""
    return sha256_of_text(json.dumps(dump_spec(spec), sort_keys=True, ensure_ascii=False))


def _explain(issue: Any, root: type[BaseModel]) -> str:
    written, valid = _as_written([str(part) for part in issue["loc"]], root)
    key = ".".join(written)
    if issue["type"] == "extra_forbidden":
        return f"unknown key {key}; {_nearest(written, valid)}"
    if issue["type"] == "missing":
        return f"{key} is missing; it must be given"
    if issue["type"] == "value_error":
        # Keys that break a rule together: the rule names them.
        told = issue["msg"].removeprefix("Value error, ")
        return f"{key}: {told}" if key else told
    value = issue["input"]
    shown = "" if isinstance(value, dict) else f" = {value!r}"
    return f"{key}{shown} is wrong; {issue['msg']}"


def _nearest(written: list[str], valid: list[str]) -> str:
    close = difflib.get_close_matches(written[-1], valid, n=1, cutoff=0.5)
    if close:
        return f"did you mean {'.'.join([*written[:-1], close[0]])}?"
    return f"valid here: {', '.join(valid)}"


def _as_written(location: list[str], root: type[BaseModel]) -> tuple[list[str], list[str]]:
    """Path to a key as people write it, and the names that are valid where its last part is.

    Discriminated unions put the tag of the chosen member into the path; people do not write it.
    """
    here: Any = root
    written: list[str] = []
    valid: list[str] = []
    for part in location:
        members = _members(here)
        tagged = [member for member in members if _has_tag(member, part)]
        if len(members) > 1 and tagged:
            here = tagged[0]
            continue
        written.append(part)
        fields = {
            field.alias or name: field.annotation
            for member in members
            for name, field in member.model_fields.items()
        }
        valid = list(fields)
        here = get_args(here)[0] if get_origin(here) is tuple else fields.get(part)
    return written, valid


def _members(annotation: Any) -> list[type[BaseModel]]:
    """Models that a value of this type may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) for member in _members(part)]
    return []


def _has_tag(member: type[BaseModel], tag: str) -> bool:
    kinds = [field.annotation for field in member.model_fields.values()]
    return any(get_origin(kind) is Literal and tag in get_args(kind) for kind in kinds)
