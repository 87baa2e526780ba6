"""Reading a catalog from wherever it is."""

import gzip
import io
import sys
from pathlib import Path

import pytest

from datrnet.core.catalog.sources.source import ReadOptions, read_source
from datrnet.core.catalog.sources.table import CatalogTable
from datrnet.core.errors import ConfigError, DataError, UnknownNameError

TABLE = "id,image,color\n1,a.png,Red\n2,b.png,Blue\n"


def read(
    folder: Path, content: str | bytes, name: str = "catalog.csv", **options: str
) -> CatalogTable:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_source(path, ReadOptions(**options))


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (TABLE, "a.csv", "CSV"),
        (TABLE, "a.txt", "CSV"),
        (TABLE.replace(",", "\t"), "a.tsv", "TSV"),
        (gzip.compress(TABLE.encode(), mtime=0), "a.csv.gz", "CSV"),
        ('{"id": 1}\n{"id": 2}\n', "a.jsonl", "JSON Lines"),
        ('{"id": 1}\n{"id": 2}\n', "a", "JSON Lines"),
        ('[{"id": 1}, {"id": 2}]', "a.json", "JSON array"),
        ("<all><a><id>1</id></a><a><id>2</id></a></all>", "a.xml", "XML"),
    ],
)
def test_the_contents_tell_the_format(
    tmp_path: Path, content: str | bytes, name: str, kind: str
) -> None:
    table = read(tmp_path, content, name)
    assert table.format == kind
    assert table.columns["id"] == ["1", "2"]


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TABLE.encode())))
    assert read_source(Path("-")).columns["color"] == ["Red", "Blue"]


def test_records_and_data_frames_are_read() -> None:
    records = [{"id": 1, "color": "Red"}, {"id": 2, "color": float("nan")}]
    assert read_source(records).columns["color"] == ["Red", ""]

    class Frame:
        columns = ("id",)

        def to_dict(self, orient: str) -> list[dict[str, object]]:
            assert orient == "records"
            return [{"id": 1}]

    assert read_source(Frame()).columns["id"] == ["1"]


def test_a_folder_of_pictures_is_a_catalog(tmp_path: Path) -> None:
    for name in ("red/1.png", "red/2.JPG", "blue/3.webp", "blue/notes.txt", "4.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    table = read_source(tmp_path)
    assert table.columns["image"] == ["4.png", "blue/3.webp", "red/1.png", "red/2.JPG"]
    assert table.columns["folder"] == ["", "blue", "red", "red"]


def test_a_folder_without_pictures_names_the_table_in_it(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text(TABLE)
    with pytest.raises(DataError, match="no pictures") as caught:
        read_source(tmp_path)
    assert "shop.csv" in caught.value.hint


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfid,image\n1,a\n").header == ("id", "image")
    for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
        table = read(tmp_path, "id,image\n1,\xe9\n".encode(encoding))
        assert table.row(0) == {"id": "1", "image": "\xe9"}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id,colour\n1,café\n", "cp1252"),
        ("id,kolor\n1,żółty\n2,czarny płaszcz zimowy damski\n", "cp1250"),
        ("id,цвет\n1,красный\n2,платье женское чёрное\n", "cp1251"),
        ("id,色\n1,赤いスカート\n2,黒\n", "cp932"),
        ("id,颜色\n1,红色连衣裙\n2,黑色\n", "gb18030"),
        ("id,색상\n1,빨간 원피스\n", "cp949"),
        ("id,χρώμα\n1,κόκκινο φόρεμα\n", "cp1253"),
    ],
)
def test_other_encodings_are_found_and_told(tmp_path: Path, text: str, encoding: str) -> None:
    table = read(tmp_path, text.encode(encoding))
    assert list(table.row(0).values()) == text.splitlines()[1].split(",")
    assert any("not UTF-8" in note for note in table.notes)
    assert read(tmp_path, text.encode(encoding), encoding=encoding).notes == ()


def test_a_wrong_encoding_or_delimiter_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not ascii text, first on line 2"):
        read(tmp_path, "id\né\n", encoding="ascii")
    with pytest.raises(ConfigError, match="no encoding 'latin-99'"):
        ReadOptions(encoding="latin-99")
    with pytest.raises(ConfigError, match="not a single character"):
        ReadOptions(delimiter="::")


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="is empty"):
        read(tmp_path, content)


@pytest.mark.parametrize("content", ["id,image\n", '"', "[]", "<a/>"])
def test_a_header_alone_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="no rows"):
        read(tmp_path, content, "catalog")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + bytes(100), "archive"),
        (b"\xd0\xcf\x11\xe0" + bytes(100), "old Excel"),
        (b"PAR1" + bytes(100), "Parquet"),
        (b"\x1f\x8b" + bytes(100), "gzip"),
        (b"\x89PNG\r\n" + bytes(range(256)) * 16, "not text"),
    ],
)
def test_a_file_that_is_no_table_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, content)


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "catalog.csv").write_text(TABLE)
    with pytest.raises(UnknownNameError, match=r"Did you mean catalog\.csv") as caught:
        read_source(tmp_path / "catlog.csv")
    assert caught.value.exit_code == 2
    with pytest.raises(UnknownNameError, match="no folder"):
        read_source(tmp_path / "nowhere" / "catalog.csv")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"<html><table><tr><td>id</td></tr></table></html>", "HTML"),
        (b"BZh91AY&SY", "bzip2"),
        (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "archive"),
    ],
)
def test_what_is_not_read_is_called_what_it_is(tmp_path: Path, content: bytes, word: str) -> None:
    with pytest.raises(DataError, match=word) as caught:
        read(tmp_path, content, "shop.xls")
    assert caught.value.hint


def test_contents_count_more_than_the_suffix(tmp_path: Path) -> None:
    assert read(tmp_path, '[{"id": "1", "image": "a.png"}]').format == "JSON array"


def test_damaged_letters_make_utf_8_no_other_encoding(tmp_path: Path) -> None:
    table = read(tmp_path, TABLE.replace("Red", "Größe très").encode() + b"3,c.png,B\xffd\n")
    assert "Größe" in str(table.row(0))
    assert any("1 damaged characters, the first on line 4" in note for note in table.notes)
    assert read(tmp_path, TABLE.replace("Red", "12 €").encode("cp1252")).row(0)["color"] == "12 €"
    assert read(tmp_path, TABLE.encode("utf-32")).row(0)["color"] == "Red"
