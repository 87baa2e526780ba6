"""Downloads pictures that a catalog names by web address, politely, and only when asked to.

One request at a time with a pause between them, a name that says who asks, and patience where a
server asks for it. A picture that is there already is not asked for again, so that an interrupted
download goes on where it stopped.
"""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from urllib.error import HTTPError, URLError
from urllib.parse import unquote
from urllib.request import Request, urlopen

from datrnet.core.catalog.picture_files import path_of_address
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.progress import StepProgress, no_progress

PAUSE_SECONDS = 0.2
"""Between two requests."""
TIMEOUT_SECONDS = 30.0
MAX_BYTES = 64 * 1024**2
"""Of a picture; a larger one is not downloaded."""
NUM_TRIES = 3
LONGEST_WAIT_SECONDS = 60.0
"""Of those that a server may ask for."""
USER_AGENT = "datrnet (catalog import; one request at a time)"

_BUSY = (429, 500, 502, 503, 504)
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSummary:
    """What became of the addresses."""

    downloaded: int
    present: int
    """Pictures that were there already."""
    failed: tuple[tuple[str, str], ...]
    """Addresses with the reason."""


def fetch_pictures(
    addresses: Iterable[str],
    folder: Path,
    on_progress: StepProgress = no_progress,
    pause: float = PAUSE_SECONDS,
) -> FetchSummary:
    """Download pictures into a folder, each under the last part of its address.

    Args:
        addresses: Web addresses; each is asked for once.
        folder: Created if it does not exist.
        on_progress: Called after each picture.
        pause: Seconds between two requests.

    Raises:
        ConfigError: The folder cannot be created or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"Cannot create the folder {folder}: {error.strerror}.") from error
    wanted = list(dict.fromkeys(addresses))
    downloaded = present = 0
    failed: list[tuple[str, str]] = []
    for done, address in enumerate(wanted, start=1):
        target = folder / file_name(address)
        if target.is_file():
            present += 1
        else:
            try:
                _download(address, target, pause)
                downloaded += 1
            except DataError as error:
                failed.append((address, error.message))
            time.sleep(pause)
        on_progress(done, len(wanted))
    return FetchSummary(downloaded=downloaded, present=present, failed=tuple(failed))


def file_name(address: str) -> str:
    """Return the name of the file for an address: its last part, without what could lead elsewhere.

    An address without one gets the name of its host.
    """
    name = PurePosixPath(unquote(path_of_address(address)).replace("\\", "/")).name
    host = address.partition("//")[2].partition("/")[0]
    return name.replace("\0", "").lstrip(".") or host.replace(":", "-") or "picture"


def _download(address: str, target: Path, pause: float) -> None:
    """Write a picture at once or not at all.

    Raises:
        DataError: It cannot be had.
        ConfigError: The folder cannot be written.
    """
    try:
        request = Request(_absolute(address), headers={"User-Agent": USER_AGENT})
    except ValueError as error:
        raise DataError(f"the address is malformed: {error}") from error
    for trial in range(1, NUM_TRIES + 1):
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                _write(response, target)
            return
        except HTTPError as error:
            if error.code not in _BUSY or trial == NUM_TRIES:
                raise DataError(f"the server answers {error.code} {error.reason}") from error
            time.sleep(_wait(error.headers.get("Retry-After"), pause * 2**trial))
        except (URLError, HTTPException, TimeoutError, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise DataError(f"the server cannot be reached: {reason}") from error


def _absolute(address: str) -> str:
    """Return an address with its scheme, which must be that of the web.

    Raises:
        DataError: It is another.
    """
    full = f"https:{address}" if address.startswith("//") else address
    if not full.lower().startswith(("http://", "https://")):
        raise DataError("the address is not one of the web")
    return full


def _write(response: object, target: Path) -> None:
    with NamedTemporaryFile(dir=target.parent, prefix=".fetch-", delete=False) as file:
        try:
            num_bytes = 0
            while block := response.read(_BLOCK):  # type: ignore[attr-defined]
                num_bytes += len(block)
                if num_bytes > MAX_BYTES:
                    raise DataError(f"the picture has more than {MAX_BYTES // 1024**2} MB")
                file.write(block)
            if not num_bytes:
                raise DataError("the server sends nothing")
        except BaseException:
            os.unlink(file.name)
            raise
    os.replace(file.name, target)


def _wait(retry_after: str | None, otherwise: float) -> float:
    seconds = float(retry_after) if retry_after and retry_after.isdigit() else otherwise
    return min(seconds, LONGEST_WAIT_SECONDS)
