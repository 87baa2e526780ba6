"""Finds the file that a catalog means by a picture's path, however it is written.

Catalogs name pictures by paths of other machines, by web addresses, or by names that a file system
spells differently. What exists as written is taken; otherwise the last parts decide.
"""

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.sources.grid import PICTURE_SUFFIXES
from datrnet.core.errors import DataError, UnknownNameError, nearest
from datrnet.core.text import clean_path

_ADDRESS = re.compile(r"(?:https?:)?//[^/]", re.IGNORECASE)
_SIZE = re.compile(r"[-_](?:\d+x\d*|x\d+|scaled|small|medium|large|grande|master)(?:@\dx)?$")
"""At the end of a name: how large a copy of a picture is, as WordPress and Shopify write it."""
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def is_address(text: str) -> bool:
    """Tell whether a picture is named by a web address."""
    return _ADDRESS.match(text) is not None


def picture_folder(images: Path | None, default: Path) -> Path:
    """Return the folder that picture paths start from.

    Raises:
        UnknownNameError: The chosen one does not exist.
    """
    if images is None:
        return default
    if not images.is_dir():
        parent = images.absolute().parent
        siblings = parent.iterdir() if parent.is_dir() else ()
        folders = [path.name for path in siblings if path.is_dir()]
        hint = f"Omit --images to look in {default.absolute()} and its sub-folders."
        if close := get_close_matches(images.name, folders):
            hint = nearest(images.name, close)
        raise UnknownNameError("folder", str(images), [], hint=hint)
    return images


class PictureFolder:
    """A folder with the pictures of a catalog, and of its sub-folders."""

    def __init__(self, root: Path, further: Path | None = None) -> None:
        """Name the folders.

        Args:
            root: Where relative paths start.
            further: Where to look for what is not there, as for what was downloaded.
        """
        self.root = root.absolute()
        self._further = PictureFolder(further) if further is not None else None
        self.padded: dict[str, str] = {}
        """Files found only by zeros put before a name that is a number, by what was written."""

    def find(self, text: str) -> Picture:
        """Return the picture that a cell names.

        Tried in this order: the path as written, from this folder or absolute; without a query,
        percent-decoded, with slashes for backslashes; then the file with most of the same last
        parts, whatever their case and Unicode form; then one of that name with another ending;
        then the whole picture of a copy of some size; then one of that number with zeros before
        it, which spreadsheets drop.

        Raises:
            DataError: There is no such file, or several that fit equally well.
        """
        written, fragment = Picture.split(clean_path(text))
        if not written:
            raise DataError("The row has no picture.")
        spellings = _spellings(written)
        for spelling in spellings:
            path = self.root / spelling
            if not is_address(spelling) and _is_file(path):
                return Picture.parse(f"{path}{fragment}").normalized()
        found = next(filter(None, map(self._find_by_last_parts, spellings)), None)
        if found is None and self._further is not None:
            return self._further.find(text)
        if found is None:
            message = f"There is no picture '{written}' in {self.root}."
            raise DataError(message, hint=self._hint(text))
        return Picture.parse(f"{found}{fragment}").normalized()

    def has(self, text: str) -> bool:
        """Tell whether there is the picture that a cell names."""
        try:
            self.find(text)
        except DataError:
            return False
        return True

    def _find_by_last_parts(self, spelling: str) -> Path | None:
        parts = _folded_parts(spelling)
        if not parts:
            return None
        stem = _stem(parts[-1])
        whole = _SIZE.sub("", stem)
        candidates = (
            self._by_name.get(parts[-1]) or self._by_stem.get(stem) or self._by_stem.get(whole)
        )
        if not candidates and stem.isdecimal():
            candidates = self._by_number.get(stem.lstrip("0"))
            if candidates:
                self.padded[spelling] = candidates[0]
        if not candidates:
            return None
        scores = [(_num_common(parts, _folded_parts(name)), name) for name in candidates]
        most = max(score for score, _ in scores)
        best = [name for score, name in scores if score == most]
        if len(best) > 1:
            raise DataError(
                f"Several files may be the picture {spelling}: {best[0]} and {best[1]}.",
                hint="Write the path from the picture folder, or choose a folder with --images.",
            )
        return self.root / best[0]

    def _hint(self, text: str) -> str:
        if is_address(text):
            return (
                "Specify the folder with the downloaded files with --images DIR, or have them "
                "downloaded with --fetch DIR."
            )
        if not self._names:
            return "The folder has no pictures; specify another with --images DIR."
        name = PurePosixPath(text.replace("\\", "/")).name
        return nearest(name, [Path(known).name for known in self._names]) or (
            "Specify the picture folder with --images DIR, or the picture column with --image."
        )

    @cached_property
    def _names(self) -> list[str]:
        """The pictures in the folder and its sub-folders, relative, in order."""
        names = []
        for folder, folders, files in os.walk(self.root):
            folders.sort()
            relative = os.path.relpath(folder, self.root)
            names += [
                file if relative == "." else os.path.join(relative, file)
                for file in sorted(files)
                if file.lower().endswith(PICTURE_SUFFIXES)
            ]
        return names

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        grouped = defaultdict(list)
        for name in self._names:
            grouped[_folded_parts(name)[-1]].append(name)
        return grouped

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        grouped = defaultdict(list)
        for name in self._names:
            grouped[_stem(_folded_parts(name)[-1])].append(name)
        return grouped

    @cached_property
    def _by_number(self) -> dict[str, list[str]]:
        grouped: dict[str, list[str]] = defaultdict(list)
        for stem, names in self._by_stem.items():
            if stem.isdecimal():
                grouped[stem.lstrip("0")] += names
        return grouped


def path_of_address(address: str) -> str:
    """Return the path of an address, also of one that is malformed."""
    try:
        return urlsplit(address).path
    except ValueError:  # a bracket in the host
        return re.sub(r"^[^/]*//[^/]*|[?#].*$", "", address)


def _spellings(text: str) -> list[str]:
    """Return the ways to read a path, as written first."""
    spellings = [text]
    if text.casefold().startswith("file:"):
        spellings.append(unquote(path_of_address(text)))
    elif is_address(text):
        path = path_of_address(text)
        spellings += [unquote(path), path]
    else:
        plain = re.sub(r"[?#][^/\\]*$", "", text)
        for path in (plain, unquote(plain)):
            spellings += [path, _DRIVE.sub("/", path).replace("\\", "/")]
    spellings += [spelling.lstrip("/") for spelling in spellings if spelling.startswith("/")]
    return list(dict.fromkeys(filter(None, spellings)))


def _folded_parts(path: str) -> list[str]:
    folded = unicodedata.normalize("NFC", path.replace("\\", "/")).casefold()
    return [part for part in folded.split("/") if part not in ("", ".", "..")]


def _stem(name: str) -> str:
    return next((name[: -len(s)] for s in PICTURE_SUFFIXES if name.endswith(s)), name)


def _num_common(parts: Sequence[str], others: Sequence[str]) -> int:
    """Return how many last parts two paths share, besides the name."""
    pairs = zip(reversed(parts[:-1]), reversed(others[:-1]), strict=False)
    return next(
        (n for n, (part, other) in enumerate(pairs) if part != other),
        min(len(parts), len(others)) - 1,
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a zero byte
        return False
