"""Reading JSON Lines, JSON and XML."""

import json
from datetime import date

import numpy as np
import pytest

from datrnet.core.catalog.sources.records import (
    read_json,
    read_json_lines,
    read_xml,
    table_of_records,
)
from datrnet.core.errors import DataError


def test_json_lines_become_rows() -> None:
    lines = [
        {"id": 7, "image": "a.png", "attributes": {"color": "Red", "waterproof": True}},
        {"id": "8", "image": "b.png", "title": None, "color": "Blue"},
    ]
    text = "\n".join(map(json.dumps, lines)) + "\n\nnot json\n[1]\n" + "[" * 100_000
    table = read_json_lines(text)
    assert table.header == ("id", "image", "color", "waterproof", "title")
    assert table.columns["id"] == ["7", "8"]
    assert table.row(0)["waterproof"] == "true"
    assert table.row(1)["title"] == ""
    assert [problem.line for problem in table.problems] == [4, 5, 6]


def test_a_problem_names_the_line_of_the_file_only() -> None:
    (problem,) = read_json_lines('{"id": 1}\n{"id": }\n').problems
    assert (problem.place, problem.message) == (
        "line 2",
        "The line is not a JSON object: Expecting value in column 8.",
    )


def test_nested_objects_lists_and_prices_are_flattened() -> None:
    product = {
        "id": "1",
        "price": {"amount": 19.50, "currency": "GBP"},
        "size": {"chest": 50},
        "images": [{"src": "a.png"}, {"src": "b.png"}],
        "material": ["Cotton", "Linen"],
        "options": [{"name": "Color", "values": ["Red"]}, {"name": "Fit", "value": "Slim"}],
    }
    table = read_json(json.dumps({"shop": "x", "data": {"products": [product]}}), "a.json")
    assert table.row(0) == {
        "id": "1",
        "price": "19.5 GBP",
        "size.chest": "50",
        "images": ("a.png", "b.png"),
        "material": ("Cotton", "Linen"),
        "Color": ("Red",),
        "Fit": "Slim",
    }


def test_variants_become_rows_with_what_their_product_says() -> None:
    product = {
        "id": "P",
        "title": "Shirt",
        "variants": [{"id": "P-S", "size": "S"}, {"id": "P-M", "size": "M"}],
    }
    table = read_json(json.dumps([product]), "a.json")
    assert table.columns["id"] == ["P-S", "P-M"]
    assert table.columns["product.id"] == ["P", "P"]
    assert table.columns["title"] == ["Shirt", "Shirt"]


def test_numbers_stay_as_written_and_nan_is_nothing() -> None:
    table = read_json('[{"a": 1.50, "b": 10002000300040005, "c": NaN, "d": null}]', "a.json")
    assert table.row(0) == {"a": "1.50", "b": "10002000300040005", "c": "", "d": ""}


@pytest.mark.parametrize("text", ['[{"id": 1,', "[" * 100_000, "{]"])
def test_broken_json_is_an_error(text: str) -> None:
    with pytest.raises(DataError, match=r"a\.json is (not valid JSON|nested too deeply)"):
        read_json(text, "a.json")


FEED = """<?xml version="1.0"?>
<rss xmlns:g="urn:feed" version="2.0"><channel><title>Shop</title><link>x</link>
<item><g:id>1</g:id><g:image>a.png</g:image><g:image>b.png</g:image>
<g:shipping><g:price>3 EUR</g:price></g:shipping></item>
<item kind="sale"><g:id>2</g:id><g:image>c &amp; d.png</g:image></item>
</channel></rss>"""


def test_the_repeated_element_of_a_feed_is_an_item() -> None:
    table = read_xml(FEED, "feed.xml")
    assert table.columns["id"] == ["1", "2"]
    assert table.columns["image"] == [("a.png", "b.png"), "c & d.png"]
    assert table.columns["shipping.price"] == ["3 EUR", ""]
    assert table.columns["kind"] == ["", "sale"]


def test_entities_of_its_own_and_broken_xml_are_refused() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aa">]><x><i><b>&a;</b></i></x>'
    with pytest.raises(DataError, match="entities"):
        read_xml(bomb, "feed.xml")
    with pytest.raises(DataError, match="not valid XML, on line 1"):
        read_xml("<a><b>", "feed.xml")


def test_a_list_of_plain_values_is_one_whatever_its_name() -> None:
    table = read_json(json.dumps([{"id": "1", "variants": ["a", "b"]}]), "a.json")
    assert table.row(0) == {"id": "1", "variants": ("a", "b")}


def test_cells_of_data_frames_are_read() -> None:
    class NAType:
        """What pandas has for a missing value: it cannot be compared."""

        def __ne__(self, _: object) -> bool:
            raise TypeError

        __hash__ = object.__hash__

    record = {"id": np.int64(7), "flag": np.bool_(True), "none": NAType(), "nan": float("nan")}
    record |= {"whole": 7.0, "half": np.float64(7.5)}
    record |= {"list": np.array(["a", "b"]), "pair": ("a", "b"), "day": date(2026, 1, 31)}
    assert table_of_records([record], "records").row(0) == {
        "id": "7",
        "flag": "true",
        "none": "",
        "nan": "",
        "whole": "7",
        "half": "7.5",
        "list": ("a", "b"),
        "pair": ("a", "b"),
        "day": "2026-01-31",
    }


def test_an_encoding_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(DataError, match="not valid XML"):
        read_xml(b'<?xml version="1.0" encoding="nosuch-8"?><a><b><c/></b></a>', "feed.xml")


@pytest.mark.parametrize(
    "document",
    [
        '{"id": ["a", "b"], "color": ["red", "blue"]}',
        '{"id": {"0": "a", "1": "b"}, "color": {"0": "red", "1": "blue"}}',
        '{"columns": ["id", "color"], "index": [0, 1], "data": [["a", "red"], ["b", "blue"]]}',
        '[["id", "color"], ["a", "red"], ["b", "blue"]]',
        '{"a": {"color": "red"}, "b": {"color": "blue"}}',
        '[{"id": "a", "color": "red"}, {"id": "b", "color": "blue"}]',
    ],
)
def test_json_is_read_in_every_orientation(document: str) -> None:
    table = read_json(document, "catalog")
    assert [table.row(row) for row in (0, 1)] == [
        {"id": "a", "color": "red"},
        {"id": "b", "color": "blue"},
    ]


def test_products_of_shopify_name_the_options_of_their_variants() -> None:
    variants = [{"id": 11, "title": "S / Red", "option1": "S", "option2": "Red"}]
    options = [{"name": "Size", "values": ["S", "M"]}, {"name": "Color", "values": ["Red"]}]
    tags = [{"id": 1, "name": "new"}, {"id": 2, "name": "sale"}]
    record = {"title": "Tee", "options": options, "tags": tags, "variants": variants}
    row = table_of_records([record], "records").row(0)
    assert row == {
        "product.title": "Tee",
        "tags": ("new", "sale"),
        "id": "11",
        "title": "S / Red",
        "Size": "S",
        "Color": "Red",
    }


def test_xml_elements_with_names_and_currencies_are_pairs_and_prices() -> None:
    item = '<item><attr name="color">Red</attr><attr name="fit">Slim</attr>'
    item += '<price currency="EUR">5</price></item>'
    table = read_xml(f"<shop>{item}{item}</shop>", "feed")
    assert table.row(0) == {"color": "Red", "fit": "Slim", "price": "5 EUR"}
