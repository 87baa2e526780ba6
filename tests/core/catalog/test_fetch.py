"""Downloading pictures, from a server of our own."""

import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from datrnet.core.catalog import fetch
from datrnet.core.catalog.fetch import fetch_pictures, file_name

PICTURE = b"\x89PNG not quite"


class Handler(BaseHTTPRequestHandler):
    requests: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        self.requests[self.path] += 1
        assert "datrnet" in self.headers["User-Agent"]
        is_busy = self.path.startswith("/busy") and self.requests[self.path] == 1
        status = 503 if is_busy else 404 if self.path.startswith("/gone") else 200
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.end_headers()
        if status == 200:
            self.wfile.write(PICTURE * (1000 if self.path.startswith("/large") else 1))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[str]:
    Handler.requests = Counter()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_missing_is_downloaded_once(
    shop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 1000)
    addresses = [f"{shop}/{name}" for name in ("a.png", "a.png", "busy.png", "gone.png", "large")]
    addresses.append("file:///etc/hostname")
    steps: list[tuple[int, int]] = []
    summary = fetch_pictures(addresses, tmp_path / "p", lambda *step: steps.append(step), pause=0)
    assert (summary.downloaded, summary.present) == (2, 0)
    assert [reason for _, reason in summary.failed] == [
        "the server answers 404 Not Found",
        "the picture has more than 0 MB",
        "the address is not one of the web",
    ]
    assert steps[-1] == (5, 5)
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["a.png", "busy.png"]
    assert (tmp_path / "p" / "a.png").read_bytes() == PICTURE
    again = fetch_pictures(addresses[:3], tmp_path / "p", pause=0)
    assert (again.downloaded, again.present) == (0, 2)
    assert Handler.requests["/a.png"] == 1


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://cdn.example/files/a%20b.jpg?v=3", "a b.jpg"),
        ("https://cdn.example/x/..%2F..%2Fetc", "etc"),
        ("https://cdn.example/x/.hidden", "hidden"),
        ("https://cdn.example/", "cdn.example"),
    ],
)
def test_a_file_is_named_by_the_last_part_of_the_address(address: str, name: str) -> None:
    assert file_name(address) == name


def test_a_malformed_address_fails_alone(tmp_path: Path) -> None:
    addresses = ["https://[cdn/files/a.png", "http://x y/b.png"]
    summary = fetch_pictures(addresses, tmp_path, pause=0)
    assert [address for address, _ in summary.failed] == addresses
