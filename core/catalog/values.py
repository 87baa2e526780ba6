"""What a cell says: placeholders, numbers, prices, dates, booleans, and lists of values.

Facts are stored as canonical text, so that they come out as they went in: a number as Python writes
it, a price with its currency, a date as ISO 8601, a boolean as ``yes`` or ``no``.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import date

from datrnet.core.text import clean, fold
from datrnet.db.rows import FactKind

PLACEHOLDERS = frozenset(
    (
        *("-", "--", "–", "—", "?", ".", "n/a", "#n/a", "na", "n.a.", "nan", "<na>", "null"),
        *("(null)", "nil", "undefined", "\\n", "#ref!", "#value!", "#name?", "#div/0!"),
        *("#null!", "#num!", "tbd", "tba", "n.v.", "k.a."),
    )
)
"""Cells, in lower case, by which programs and people say that nothing is known."""

SEPARATORS = ("|", ";", "｜", "；", "、", ",", "，", "/", "／")
"""Between the values of a cell, the surest first."""

SURE_SEPARATORS = SEPARATORS[:5]
"""Those that stand in no value."""

SHARES = "%"
"""Instead of a separator: the values of a cell have shares, as in "60% Cotton, 40% Elastane"."""

WHOLE = 100
"""The sum of the shares of a cell, in per cent."""

MAX_LIST_LENGTH = 200
"""A longer cell is a description; its commas separate no values."""

_TRUE = frozenset(
    (
        *("true", "yes", "y", "1", "on", "in stock", "in_stock", "instock"),
        *("ja", "wahr", "oui", "vrai", "si", "sí", "sì", "verdadero", "vero", "tak", "да"),
    )
)
_FALSE = frozenset(
    (
        *("false", "no", "n", "0", "off", "out of stock", "out_of_stock", "outofstock"),
        *("nein", "falsch", "non", "faux", "falso", "nie", "нет"),
    )
)

_SIGNS = {
    **{"€": "EUR", "£": "GBP", "¥": "JPY", "円": "JPY", "元": "CNY", "₹": "INR", "₽": "RUB"},
    **{"US$": "USD", "A$": "AUD", "C$": "CAD", "R$": "BRL", "HK$": "HKD", "S$": "SGD", "$": "USD"},
    **{"zł": "PLN", "Kč": "CZK", "Ft": "HUF", "Fr.": "CHF", "₩": "KRW", "₺": "TRY", "₫": "VND"},
    **{"kr.": "kr", "kr": "kr", "Rs.": "Rs", "Rs": "Rs"},
}
"""Currencies by their signs; a word that several countries use stays."""
_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP
BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP
GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS
KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR
MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RMB RON RSD RUB
RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL
"""
"""Of ISO 4217, and RMB. Other words of three letters are parts of article numbers."""
_UNIT = rf"[A-Z]{{3}}|{'|'.join(map(re.escape, _SIGNS))}|[^\w+-]"
_FLOAT = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?")
_NUMBER = re.compile(r"[+-]?\d[\d.,'\u00a0\u202f ]*")
_MONEY = re.compile(
    rf"(?P<before>{_UNIT})?\s{{0,9}}(?P<amount>[+-]?\d[\d.,' ]{{0,40}}?)(?:[.,][-–])?"
    rf"\s{{0,9}}(?P<after>{_UNIT})?"
)
_ARTICLE_NUMBER = re.compile(r"[A-Z]{3}-\d")
"""``TOP-100`` is none of the money of Tonga."""
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
"""No price but those of a few currencies has three decimals."""
_OF_THREE_DECIMALS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_ISO_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
_OTHER_DATE = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
_BETWEEN_SHARES = ",;/|+&"
_SHARE = r"(\d{1,9}(?:[.,]\d{1,9})?)\s{0,9}%"
_NAME = rf"([^\W\d][^\d%:{_BETWEEN_SHARES}]{{0,99}})"
_SHARED = re.compile(rf"{_SHARE}\s{{0,9}}{_NAME}|{_NAME}{_SHARE}")
"""A value and its share, in either order. Lengths are limited: any letter of a long cell may begin
a name, which would take the square of the cell's length."""
_AND = re.compile(r"^(?:and|und|et|y|e)\s|\s(?:and|und|et|y|e)\s*$")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def is_placeholder(text: str, kept: Collection[str] = ()) -> bool:
    """Tell whether a cleaned text stands for nothing.

    Args:
        text: The text.
        kept: Placeholders that are values here, in lower case.
    """
    folded = fold(text)
    return folded in PLACEHOLDERS and folded not in kept


def number_of(text: str) -> float | None:
    """Return a number written in any common way, with either decimal sign; None if it is none."""
    plain = text.strip()
    if _FLOAT.fullmatch(plain):
        return float(plain)
    if not _NUMBER.fullmatch(plain):
        return None
    plain = re.sub(r"[' \u00a0\u202f]", "", plain)
    point, comma = plain.rfind("."), plain.rfind(",")
    if point >= 0 and comma >= 0:  # the last of the two signs is the decimal one
        plain = plain.replace("," if point > comma else ".", "").replace(",", ".")
    elif comma >= 0:
        is_grouped = re.fullmatch(r"[+-]?\d{1,3}(?:,\d{3})+", plain) is not None
        plain = plain.replace(",", "" if is_grouped else ".")
    elif plain.count(".") > 1:
        plain = plain.replace(".", "")
    try:
        number = float(plain)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def fact_text(kind: FactKind, text: str) -> str | None:
    """Return a fact in canonical form; None if the text is none of the kind."""
    plain = clean(text)
    if kind not in ("text", "tags", "link") and not plain.isascii():
        plain = unicodedata.normalize("NFKC", plain)  # numbers may be written in full width
    return _PARSERS[kind](plain)


def fact_number(kind: FactKind, text: str) -> float:
    """Return a canonical fact as a number, for sorting and comparing.

    NaN where it has none, such as one of an earlier import that took it for another kind.
    """
    try:
        match kind:
            case "number" | "money":
                return float(text.partition(" ")[0])
            case "date":
                return date.fromisoformat(text).toordinal()
            case "boolean":
                return float(text == "yes")
            case _:
                return math.nan
    except ValueError:
        return math.nan


def _number_text(text: str) -> str | None:
    number = number_of(text)
    if number is None:
        return None
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _money_text(text: str) -> str | None:
    found = _MONEY.fullmatch(text)
    if found is None or _ARTICLE_NUMBER.match(text):
        return None
    units = [unit for unit in (found["before"], found["after"]) if unit and unit.strip()]
    unit = next((_SIGNS.get(unit, unit) for unit in units), "")
    plain = found["amount"]
    if _THOUSANDS.fullmatch(plain) and unit not in _OF_THREE_DECIMALS:
        plain = plain.replace(".", "")
    amount = number_of(plain)
    if amount is None:
        return None
    if unit and unit not in _CODES and unit not in _SIGNS.values():
        return None
    return f"{amount:.2f} {unit}".rstrip()


def _date_text(text: str) -> str | None:
    if iso := _ISO_DATE.fullmatch(text):
        parts = iso.groups()
    elif other := _OTHER_DATE.fullmatch(text):
        first, sign, second, year = other.groups()
        # 31.12., 31-12- and 31/12/; in the United States 12/31/, which only a day above 12 tells
        is_american = sign == "/" and int(second) > 12
        parts = (year, first, second) if is_american else (year, second, first)
    else:
        return None
    try:
        return date(*map(int, parts)).isoformat()
    except ValueError:
        return None


def _boolean_text(text: str) -> str | None:
    folded = fold(text)
    return "yes" if folded in _TRUE else "no" if folded in _FALSE else None


def _link_text(text: str) -> str | None:
    return text if _LINK.fullmatch(text) else None


_PARSERS: dict[FactKind, Callable[[str], str | None]] = {
    "number": _number_text,
    "money": _money_text,
    "date": _date_text,
    "boolean": _boolean_text,
    "link": _link_text,
    "text": lambda text: text or None,
    "tags": lambda text: text or None,
}


def split_shares(text: str) -> list[str]:
    """Return the values of "60% Cotton, 40% Elastane"; without shares, what commas separate."""
    if "%" not in text:
        return re.split(f"[{_BETWEEN_SHARES}]", text)
    return [_AND.sub("", first or second) for _, first, second, _ in _SHARED.findall(text)]


def _are_shares(texts: Collection[str]) -> bool:
    """Tell whether all texts are values with shares, those of each making a whole."""
    for text in texts:
        shares = [before or after for before, _, _, after in _SHARED.findall(text)]
        has_rest = bool(_SHARED.sub("", text).strip(f" {_BETWEEN_SHARES}"))
        if has_rest or round(sum(float(it.replace(",", ".")) for it in shares)) != WHOLE:
            return False
    return bool(texts)


def find_separator(texts: Counter[str]) -> str:
    """Return what separates several values in the cells of an attribute; empty if nothing does.

    Values may have shares, as in "60% Cotton, 40% Elastane"; see ``SHARES``.

    A bar, semicolon or Japanese list comma always does. Another comma or a slash does if at least
    half of the parts it makes are whole cells elsewhere: "Cotton, Elastane" beside "Cotton", but
    not "Wool/Silk" alone.

    Args:
        texts: How many cells have each text.
    """
    if _are_shares([text for text in texts if "%" in text]):
        return SHARES
    whole = set(map(fold, texts))
    for separator in SEPARATORS:
        split = [text for text in texts if separator in text and len(text) <= MAX_LIST_LENGTH]
        parts = {fold(part) for text in split for part in text.split(separator)}
        parts.discard("")
        if parts and (separator in SURE_SEPARATORS or 2 * len(parts & whole) >= len(parts)):
            return separator
    return ""


def scientific_ids(texts: Sequence[str]) -> list[int]:
    """Return the positions of ids that a spreadsheet has turned into rounded numbers."""
    return [
        position
        for position, text in enumerate(texts)
        if re.fullmatch(r"\d(?:[.,]\d+)?E\+\d+", text.strip(), re.IGNORECASE)
    ]
