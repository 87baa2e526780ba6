"""Words of shoppers become conditions; what names nothing stays text."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.lexicon import WORDS_FILE, WordTables, is_within
from datrnet.core.catalog.text_parser import MANY_TITLES, TextParser
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.db.rows import NewItem
from datrnet.db.store import Store

VALUES = {
    "colour": ("Red", "Black", "Grey", "Navy Blue", "Ros\u00e9"),
    "pattern": ("striped", "checked", "solid"),
    "category": ("Shirts", "T-Shirts", "Sports Shoes", "Flip Flops", "Jackets"),
    "kind": ("Flip Flops", "Shoes"),
    "neck": ("V-neck", "crew", "striped"),
    "collar": ("none", "hood"),
    "sleeve": ("long", "short"),
}


def _items() -> Iterator[NewItem]:
    for number in range(60):
        labels = {name: values[number % len(values)] for name, values in VALUES.items()}
        labels["kind"] = "Flip Flops" if labels["category"] == "Flip Flops" else "Shoes"
        yield NewItem(
            code=f"A-{number}",
            title=f"Oxford item {number}{' jack' * (number == 0)}{' strped' * (number == 1)}",
            picture_path="x.jpg",
            split="",
            labels=labels,
            facts={"price": f"{number}.00 EUR", "stock": str(number % 3)},
        )


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextParser]:
    workspace = Workspace(tmp_path_factory.mktemp("words"))
    with workspace.create_store() as store:
        store.upsert_items(_items(), {"price": "money", "stock": "number"})
        yield _parser(store)


def _parser(store: Store) -> TextParser:
    return TextParser(
        catalog=Catalog.load(store), num_titles=lambda word: store.num_titles(word, MANY_TITLES)
    )


@pytest.mark.parametrize(
    ("text", "understood"),
    [
        (
            "red striped shirt",
            "colour Red \u00b7 pattern striped or neck striped \u00b7 category Shirts",
        ),
        ("RED checked shirts", "colour Red \u00b7 pattern checked \u00b7 category Shirts"),
        ("navy blue solid", "colour Navy Blue \u00b7 pattern solid"),
        ("gray t shirt", "colour Grey \u00b7 category T-Shirts"),
        ("rose tshirts", "colour Ros\u00e9 \u00b7 category T-Shirts"),
        ("v neck", "neck V-neck"),
        ("vneck", "neck V-neck"),
        ("long sleeves", "sleeve long"),
        ("no collar", "collar none"),
        ("black, no hood", "colour Black \u00b7 collar not hood"),
        ("not black or red", "colour not Black \u00b7 colour not Red"),
        ("without hood -checked", "collar not hood \u00b7 pattern not checked"),
        ("crimson tee", "colour Red \u00b7 category T-Shirts"),
        ("checks and trainers", "pattern checked \u00b7 category Sports Shoes"),
        ("blck chekced", "colour Black \u00b7 pattern checked"),
        ("long sleve", "sleeve long"),
        ("flip flops", "category Flip Flops"),
        ("checked or black", "pattern checked or colour Black"),
        ("checked or black shirts", "pattern checked or colour Black \u00b7 category Shirts"),
        ("red or black", "colour Red \u00b7 colour Black"),  # one of a super-category will do
        ("oxford or black", "colour Black \u00b7 \u201coxford\u201d"),
        ("checked or not black", "pattern checked \u00b7 colour not Black"),
        ("price<50", "price<50"),
        ("price < 50", "price<50"),
        ("price 20-50", "price>=20, price<=50"),
        ("red under 50", "colour Red \u00b7 price<50"),
        ("in stock", "in stock yes"),
        ("colour=red", "colour Red"),
        ('colour!="navy blue"', "colour not Navy Blue"),
        ('"red" hood', "collar hood \u00b7 \u201cred\u201d"),
        ("red oxford", "colour Red \u00b7 \u201coxford\u201d"),
        ("A-12", "\u201cA-12\u201d"),
        ("a-l2", "\u201ca-l2\u201d"),
        ("strped", "\u201cstrped\u201d"),  # a title has it
        ("colour=blurple", "\u201ccolour=blurple\u201d"),
        ("with", "\u201cwith\u201d"),
        ("", ""),
    ],
)
def test_what_is_understood(parser: TextParser, text: str, understood: str) -> None:
    assert parser.parse(text).words == understood


@pytest.mark.parametrize(
    ("text", "understood", "pending"),
    [
        ("red ch", "colour Red \u00b7 pattern checked", ""),
        ("redch", "colour Red \u00b7 pattern checked", ""),
        ("red che shi", "colour Red \u00b7 pattern checked \u00b7 category Shirts", ""),
        ("sports sh", "category Sports Shoes", ""),
        ("s", "\u201cs\u201d", ""),
        ("jack", "category Jackets", ""),  # one title has it, twelve items are jackets
        ("oxford", "\u201coxford\u201d", ""),
        ("red no", "colour Red", "no"),
        ("red with", "colour Red", "with"),
        ("price<", "", "price<"),
    ],
)
def test_an_unfinished_word_completes_to_a_value(
    parser: TextParser, text: str, understood: str, pending: str
) -> None:
    query = parser.parse(text, is_unfinished=True)
    assert (query.words, query.pending) == (understood, pending)


def test_a_word_of_two_super_categories_is_what_the_rest_supports(parser: TextParser) -> None:
    assert parser.parse("striped").terms[0].is_either
    assert parser.parse("solid striped").words == "pattern solid · neck striped"
    assert parser.parse("not striped").words == "pattern not striped, neck not striped"
    both = parser.parse("striped").matching(parser.catalog)
    assert both.sum() == 40
    either, black, checked = (
        parser.parse(text).matching(parser.catalog)
        for text in ("checked or black", "black", "checked")
    )
    assert (either == (black | checked)).all()


def test_the_tables_of_a_shop_come_first(tmp_path: Path) -> None:
    (tmp_path / WORDS_FILE).write_text('[synonyms]\ncrimson = ["black"]\nkicks = "shoes"\n')
    tables = WordTables.load(tmp_path)
    assert tables.synonyms["crimson"] == ("black",)
    assert tables.synonyms["kicks"] == ("shoes",)
    assert "trainers" in tables.synonyms
    assert WordTables.load(tmp_path / "none") == WordTables.load()


@pytest.mark.parametrize(
    "text", ["[", "red = 5", "[other]", "[synonyms]\nred = 5", "[spelling]\na=[]"]
)
def test_a_wrong_table_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / WORDS_FILE).write_text(text)
    with pytest.raises(ConfigError, match="For example"):
        WordTables.load(tmp_path)


def test_swaps_count_as_one_letter() -> None:
    assert is_within("chekced", "checked", 1)
    assert is_within("stripped", "striped", 1)
    assert not is_within("black", "slick", 1)
    assert is_within("camoflauge", "camouflage", 2)


def _distance(word: str, other: str) -> int:
    """Return the restricted Damerau-Levenshtein distance by its definition."""
    if not word or not other:
        return len(word) + len(other)
    found = min(
        _distance(word[:-1], other) + 1,
        _distance(word, other[:-1]) + 1,
        _distance(word[:-1], other[:-1]) + (word[-1] != other[-1]),
    )
    if len(word) > 1 and len(other) > 1 and word[-2:] == other[-1] + other[-2]:
        found = min(found, _distance(word[:-2], other[:-2]) + 1)
    return found


@given(st.text("abc", max_size=5), st.text("abc", max_size=5), st.integers(1, 2))
def test_the_distance_is_that_of_its_definition(word: str, other: str, limit: int) -> None:
    assert is_within(word, other, limit) == (_distance(word, other) <= limit)


WORDS = """
red striped chekced shirt t-shirt sports shoes flip flops no not without -hood hood price<50 price
20-50 under 50 and with or oxford A-12 crimson str long sleeve colour=red neé , ; - "navy blue" “ in
stock colour!="navy "oxford -"hood"
"""
TEXTS = st.one_of(
    st.text(max_size=40), st.lists(st.sampled_from(WORDS.split()), max_size=8).map(" ".join)
)


@given(TEXTS, st.booleans())
def test_every_word_is_part_of_a_chip_or_of_the_text_once(
    parser: TextParser, text: str, is_unfinished: bool
) -> None:
    query = parser.parse(text, is_unfinished=is_unfinished)
    assert is_unfinished or not query.pending
    parts = [*(term.typed for term in query.terms), query.text, query.pending]
    assert _letters(" ".join(parts)) == _letters(text)


def _letters(text: str) -> Counter[str]:
    return Counter(
        letter for letter in text if not letter.isspace() and letter not in ',;"\u201c\u201d-'
    )


@given(TEXTS)
def test_chips_as_text_are_the_same_chips(parser: TextParser, text: str) -> None:
    query = parser.parse(text)
    again = parser.parse(query.typed)
    assert again.words == query.words
    assert (again.matching(parser.catalog) == query.matching(parser.catalog)).all()
