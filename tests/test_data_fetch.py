"""Fetching from a server on this machine: right, wrong, cut short, absent."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bayes_rootc.data import fetch as fetching
from bayes_rootc.data.fetch import Source, fetch, sources, terms
from bayes_rootc.data.locate import LAYER_TABLES, locate_data
from bayes_rootc.errors import FetchError

CONTENT = b"profile,delta14c\n" + b"P1,-120.5\n" * 5000
SOURCE = Source(
    path="raw/radiocarbon/Yujie_dataset.csv",
    url="http://127.0.0.1:9/nobody-listens-here",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    bytes=len(CONTENT),
    citation="Doe (2001)",
    condition="Ask Doe.",
)


class Server:
    """Answers every request with a status and a body; counts the requests."""

    def __init__(self) -> None:
        self.status, self.body, self.announced, self.paths = 200, CONTENT, len(CONTENT), []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.paths.append(self.path)
                self.send_response(server.status)
                self.send_header("Content-Length", str(server.announced))
                self.end_headers()
                self.wfile.write(server.body)

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fetching, "sources", lambda: (SOURCE,))
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_fetched_file_is_in_place_and_is_found(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    (file,) = fetch(folder, server.url)
    assert file.downloaded and file.path == folder / SOURCE.path
    assert file.path.read_bytes() == CONTENT
    assert files_in(tmp_path) == [file.path]
    assert server.paths == [f"/{SOURCE.path}"]
    location = locate_data(folder)
    assert location is not None and location.layers == file.path


def test_a_second_fetch_asks_for_nothing(server: Server, tmp_path: Path) -> None:
    fetch(tmp_path, server.url)
    (file,) = fetch(tmp_path, f"{server.url}/")
    assert not file.downloaded
    assert len(server.paths) == 1


def test_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (file,) = fetch(tmp_path, server.url)
    file.path.write_bytes(CONTENT[:-1])
    assert fetch(tmp_path, server.url)[0].downloaded
    assert file.path.read_bytes() == CONTENT


def test_another_content_is_refused_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.body = CONTENT[:-1] + b"X"
    with pytest.raises(FetchError, match=f"{server.url}/.*: the checksum is wrong, sha256 "):
        fetch(tmp_path, server.url)
    assert files_in(tmp_path) == []


def test_another_content_does_not_replace_what_was_there(server: Server, tmp_path: Path) -> None:
    (file,) = fetch(tmp_path, server.url)
    file.path.write_bytes(b"kept by the user")
    server.body = b"x" * len(CONTENT)
    with pytest.raises(FetchError, match="the checksum is wrong"):
        fetch(tmp_path, server.url)
    assert file.path.read_bytes() == b"kept by the user"


def test_a_download_cut_short_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.body = CONTENT[:1000]
    with pytest.raises(FetchError, match="the connection broke off; try again"):
        fetch(tmp_path, server.url)
    assert files_in(tmp_path) == []


def test_a_server_without_the_file_is_named_with_its_answer(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(FetchError, match=r"the server answered 404; nothing was written"):
        fetch(tmp_path, server.url)
    assert files_in(tmp_path) == []


def test_without_a_network_the_message_says_what_still_works(
    server: Server, tmp_path: Path
) -> None:
    server.http.server_close()
    with pytest.raises(FetchError, match=r"cannot be reached; is there a network\? The program "):
        fetch(tmp_path, server.url)
    assert files_in(tmp_path) == []


def test_a_server_that_never_answers_is_given_up(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT", 0.2)
    release = threading.Event()
    waiting: Callable[..., None] = lambda handler: release.wait(10)  # noqa: E731
    monkeypatch.setattr(server.http.RequestHandlerClass, "do_GET", waiting)
    with pytest.raises(FetchError, match=r"no answer within 0\.2 seconds"):
        fetch(tmp_path, server.url)
    release.set()
    assert files_in(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(server: Server, tmp_path: Path) -> None:
    in_the_way = tmp_path / "data"
    in_the_way.write_text("a file, not a folder")
    with pytest.raises(FetchError, match=f"{in_the_way}.*: cannot be written"):
        fetch(in_the_way, server.url)


def test_the_bar_goes_to_standard_error(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(tmp_path, server.url, progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "100%" in err


def test_the_packaged_sources_are_pinned_and_of_use() -> None:
    listed = sources()
    assert len({source.path for source in listed}) == len(listed)
    for source in listed:
        assert len(source.sha256) == 64 and source.bytes > 0
        assert source.url.startswith("https://")
        assert any(len(part) == 40 for part in source.url.split("/")), "a full commit is named"
        assert not Path(source.path).is_absolute() and ".." not in Path(source.path).parts
        assert source.citation and source.condition
    assert any(source.path in LAYER_TABLES for source in listed), "the program reads what it brings"


def test_the_terms_name_citation_and_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "sources", lambda: (SOURCE, replace(SOURCE, path="b.csv")))
    assert [line.strip() for line in terms().splitlines()] == [
        "Terms of use of the fetched data:",
        SOURCE.path, "cite: Doe (2001)", "Ask Doe.",
        "b.csv", "cite: Doe (2001)", "Ask Doe.",
    ]  # fmt: skip
