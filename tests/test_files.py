"""Writing whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bayes_rootc import files
from bayes_rootc.errors import WriteError
from bayes_rootc.files import replacing, sha256_of_file, sha256_of_text, write_text

NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # FIPS 180-4


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_text_is_written_with_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.csv"
    write_text(target, "Δ14C\n1\n")
    assert target.read_bytes() == "Δ14C\n1\n".encode()
    assert list(target.parent.iterdir()) == [target]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    write_text(target, "new")
    assert target.read_text() == "new"


def test_a_folder_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "store"
    target.mkdir()
    (target / "old").touch()
    with replacing(target) as beside:
        beside.mkdir()
        (beside / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("before", [None, "old"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, before: str | None) -> None:
    target = tmp_path / "a.csv"
    if before is not None:
        target.write_text(before)
    with (
        pytest.raises(WriteError, match=r"a\.csv: cannot be written: No space left on device"),
        replacing(target) as beside,
    ):
        beside.write_text("half of")
        full_disk()
    assert [path.name for path in tmp_path.iterdir()] == ([] if before is None else ["a.csv"])
    assert before is None or target.read_text() == before


def test_a_full_disk_at_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.os, "replace", full_disk)
    with pytest.raises(WriteError, match="No space left on device"):
        write_text(tmp_path / "a.csv", "all of it")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyboardInterrupt()])
def test_any_other_error_passes_and_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.csv"
    with pytest.raises(type(error)), replacing(target) as beside:
        beside.write_text("half of")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_half_a_folder_is_removed(tmp_path: Path) -> None:
    with pytest.raises(WriteError), replacing(tmp_path / "store") as beside:
        beside.mkdir()
        (beside / "chunk").touch()
        full_disk()
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"a\.csv: cannot be written"):
        write_text(tmp_path / "file" / "a.csv", "x")


def test_checksums(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    path.touch()
    assert sha256_of_file(path) == sha256_of_text("") == NOTHING
