"""Files of numbers: read in pieces, and every bad line is named."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.errors import DataError
from datrnet.core.research.datasets import text_files
from datrnet.core.research.datasets.text_files import read_lines, read_signs, read_whole_numbers

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


def signs(path: Path, width: int, *, signed: bool = True) -> list[list[int]]:
    return [row for _, part in read_signs(path, width, signed=signed) for row in part.tolist()]


def written(folder: Path, content: str | bytes, name: str = "numbers.txt") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.lists(st.sampled_from([-1, 0, 1]), min_size=width, max_size=width),
        min_size=1,
        max_size=12,
    )
)


@given(
    rows=tables,
    gap=st.sampled_from([" ", "  ", "\t"]),
    end=st.sampled_from(["\n", "\r\n", " \n"]),
    tail=st.sampled_from(["", "\n", "\n\n \n"]),
    chunk=st.integers(1, 40),
)
def test_rows_come_back_however_they_are_spaced_and_cut(
    rows: list[list[int]], gap: str, end: str, tail: str, chunk: int
) -> None:
    text = end.join(gap.join(map(str, row)) for row in rows) + tail
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "CHUNK", chunk)
        path = written(Path(folder), text)
        assert signs(path, len(rows[0])) == rows
        plain = [[abs(value) * 1000 for value in row] for row in rows]
        path = written(Path(folder), end.join(gap.join(map(str, row)) for row in plain) + tail)
        assert read_whole_numbers(path, len(rows[0])).tolist() == plain


@given(
    text=st.text(alphabet="01-9 \n\t.x", max_size=40),
    width=st.integers(1, 3),
    signed=st.booleans(),
    chunk=st.integers(1, 20),
)
def test_any_text_gives_its_rows_or_names_its_first_bad_line(
    text: str, width: int, signed: bool, chunk: int
) -> None:
    lines = [line.split() for line in text.rstrip().split("\n")] if text.strip() else []
    known = {"0", "1", "-1"} if signed else {"0", "1"}
    bad = [
        place
        for place, words in enumerate(lines, start=1)
        if len(words) != width or not known.issuperset(words)
    ]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "CHUNK", chunk)
        path = written(Path(folder), text)
        if not bad:
            assert signs(path, width, signed=signed) == [list(map(int, row)) for row in lines]
            return
        with pytest.raises(DataError, match=f"numbers.txt, line {bad[0]}: "):
            signs(path, width, signed=signed)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1 2\n3\n", "line 2: Numbers on the line: 1 instead of 2"),
        ("1 2\n3 4 5\n", "line 2: Numbers on the line: 3 instead"),
        ("1 2\n\n3 4\n", "line 2: Numbers on the line: 0 instead"),
        ("1 2\n3 -4\n", "line 2: '-4' is not a whole number"),
        ("1 2\n3 4.0\n", "line 2: '4.0' is not a whole number"),
        ("1 2\n3 99999999999999999999\n", "line 2: '999999999999999999' is not"),
        ("1 2\n3 ٤\n", "line 2: '٤' is not a whole number"),
    ],
)
def test_bad_whole_numbers_are_named_by_line(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_whole_numbers(written(tmp_path, content), 2)


def test_a_pointer_of_git_lfs_is_told_as_such_by_every_reader(tmp_path: Path) -> None:
    path = written(tmp_path, POINTER)
    for read in (
        lambda: read_lines(path),
        lambda: read_whole_numbers(path, 3),
        lambda: signs(path, 3),
    ):
        with pytest.raises(DataError, match=r"numbers\.txt is a Git-LFS pointer") as caught:
            read()
        assert "git lfs pull" in caught.value.hint


def test_lines_keep_their_spaces_inside_and_lose_those_around(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbfimg/a b.jpg \r\nimg/\xc3\xa9.jpg\n\n")
    assert read_lines(path) == ["img/a b.jpg", "img/é.jpg"]
    assert read_lines(written(tmp_path, "")) == []
    with pytest.raises(DataError, match="line 2: The line is blank"):
        read_lines(written(tmp_path, "a\n\nb\n"))
    with pytest.raises(DataError, match="line 2: The line is not UTF-8"):
        read_lines(written(tmp_path, b"a\n\xff\xfe\n"))


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt is missing"):
        read_lines(tmp_path / "none.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_lines(tmp_path)


def test_reading_a_long_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "CHUNK", 1000)
    told: list[tuple[str, int, int]] = []
    path = written(tmp_path, "0 1\n" * 1000)
    parts = list(read_signs(path, 2, signed=False, on_read=lambda *step: told.append(step)))
    assert len(parts) == 4
    assert np.concatenate([part for _, part in parts]).shape == (1000, 2)
    assert [name for name, _, _ in told] == ["numbers.txt"] * 4
