"""Download the public originals at pinned commits, each checked by its sha256."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bayes_rootc.data.locate import fetched_folder
from bayes_rootc.errors import FetchError
from bayes_rootc.files import sha256_of_file

TIMEOUT = 30.0
"""Seconds without an answer, or between two pieces, after which a download has failed."""


@dataclass(frozen=True)
class Source:
    """One file that can be fetched, and under which conditions it may be used.

    Attributes
    ----------
    path : str
        Place below the data folder.
    url : str
        Public address at a pinned commit.
    sha256 : str
        Checksum of the content.
    bytes : int
        Size.
    citation, condition : str
        What to cite, and what the source says about use.
    """

    path: str
    url: str
    sha256: str
    bytes: int
    citation: str
    condition: str


@dataclass(frozen=True)
class Fetched:
    """A file that is now in place; ``downloaded`` is False where it already was."""

    source: Source
    path: Path
    downloaded: bool


def sources() -> tuple[Source, ...]:
    """Files that can be fetched, as listed in the packaged ``sources.csv``."""
    text = resources.files("bayes_rootc.data").joinpath("sources.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Source(
            path=row["path"],
            url=row["url"],
            sha256=row["sha256"],
            bytes=int(row["bytes"]),
            citation=row["citation"],
            condition=row["condition"],
        )
        for row in rows
    )


def terms() -> str:
    """Terms of use and citations of everything that is fetched, for people."""
    lines = ["Terms of use of the fetched data:"]
    for source in sources():
        lines += [f"  {source.path}", f"    cite: {source.citation}", f"    {source.condition}"]
    return "\n".join(lines)


def fetch(
    folder: Path | None = None,
    base_url: str | None = None,
    progress: bool = False,
) -> tuple[Fetched, ...]:
    """Bring all sources into the data folder.

    A file that is there with the right checksum is left alone, so that a stopped fetch goes on
    where it stopped; a new one is written beside and renamed when its checksum is right.

    Parameters
    ----------
    folder : Path, optional
        Data folder; by default :func:`bayes_rootc.data.locate.fetched_folder`.
    base_url : str, optional
        A mirror: files are taken from ``base_url/PATH`` instead of their public addresses.
    progress : bool
        Show a bar on standard error.

    Returns
    -------
    tuple of Fetched
        One for each source.

    Raises
    ------
    FetchError
        If there is no network, the server does not have the file, the checksum is wrong, or the
        folder cannot be written to. No half file is left behind.
    """
    folder = fetched_folder() if folder is None else Path(folder)
    return tuple(_fetch_one(source, folder, base_url, progress) for source in sources())


def _fetch_one(source: Source, folder: Path, base_url: str | None, progress: bool) -> Fetched:
    path = folder / source.path
    url = f"{base_url.rstrip('/')}/{source.path}" if base_url else source.url
    try:
        if path.is_file() and sha256_of_file(path) == source.sha256:
            return Fetched(source, path, downloaded=False)
        _download(source, url, path, progress)
    except OSError as error:
        raise _explained(error, url, path) from error
    return Fetched(source, path, downloaded=True)


def _download(source: Source, url: str, path: Path, progress: bool) -> None:
    import pooch

    pooch.get_logger().setLevel("WARNING")  # its announcements would break the bar
    downloader = pooch.HTTPDownloader(progressbar=progress, timeout=TIMEOUT)
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{source.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=downloader,
        )
    except ValueError as error:
        # requests' own errors about a malformed address are ValueErrors too.
        if isinstance(error, OSError):
            raise
        raise FetchError(
            f"{url}: the checksum is wrong, sha256 {source.sha256} is expected; the download was "
            f"cut short or the file has changed. Try again; nothing was written"
        ) from error


def _explained(error: OSError, url: str, path: Path) -> FetchError:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        return FetchError(f"{url}: the server answered {status}; nothing was written")
    if isinstance(error, requests.Timeout):
        return FetchError(f"{url}: no answer within {TIMEOUT:g} seconds; try again later")
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return FetchError(f"{url}: the connection broke off; try again, nothing was written")
    if isinstance(error, requests.RequestException):
        return FetchError(
            f"{url}: cannot be reached; is there a network? The program runs without these data, "
            f"on your own table (--data FILE) or the simulated world"
        )
    return FetchError(f"{path}: cannot be written: {error.strerror or error}")
