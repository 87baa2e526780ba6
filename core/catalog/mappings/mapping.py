"""Mappings: what the columns of an export mean, and how its rows and cells are packed.

A mapping is a TOML file; those beside this module are recognized by the columns of a file. A shop's
own layout is one more file.
"""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tomlkit
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.mappings.steps import Step, unpacked
from datrnet.core.catalog.sources.table import CatalogTable
from datrnet.core.errors import ConfigError, UnknownNameError, nearest
from datrnet.core.text import fold

Use = Literal[
    "id",
    "title",
    "image",
    "group",
    "split",
    "attribute",
    "ignore",
    "number",
    "money",
    "date",
    "boolean",
    "text",
    "link",
    "tags",
]
"""What a column is used as: a field of items, an attribute, a kind of fact, or nothing."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnMapping(_Model):
    """What a column is taken as."""

    use: Use
    name: str | None = None
    """Of the super-category or fact; None is the column's own."""
    separator: str | None = None
    """Between several values in a cell; None finds it, an empty text means there is none."""
    values: dict[str, str] = Field(default_factory=dict)
    """Other words for values, by the word in the file in lower case."""


def _from_use(value: object) -> object:
    return {"use": value} if isinstance(value, str) else value


class Mapping(_Model):
    """What an export's columns mean."""

    name: str
    """Of the format, for messages."""
    recognize: tuple[str, ...] = ()
    """Columns that a file of this format has, all of them."""
    aliases: dict[str, str] = Field(default_factory=dict)
    """What the format calls a column, by its name in another language or version; ``{n}`` stands
    for a number."""
    image: str | None = None
    """A pattern for the picture's path, with columns in braces: ``photos/{id}.jpg``."""
    steps: tuple[Annotated[Step, Field(discriminator="step")], ...] = ()
    """How rows and cells are unpacked, in this order."""
    columns: dict[str, Annotated[ColumnMapping, BeforeValidator(_from_use)]] = Field(
        default_factory=dict
    )
    """By column, those of one use in order of preference; other columns are judged by values."""

    def fits(self, header: Iterable[str]) -> bool:
        """Tell whether a file with these columns is of this format."""
        names = self.other_names(header).keys() | set(map(fold, header))
        return bool(self.recognize) and names.issuperset(map(fold, self.recognize))

    def other_names(self, header: Iterable[str]) -> dict[str, str]:
        """Return the columns by the folded names that this format has for them.

        Feeds write ``item group id`` and ``g:item_group_id`` for ``item_group_id``, too.
        """
        aliases = {fold(other): fold(name) for other, name in self.aliases.items()}
        names: dict[str, str] = {}
        for column in header:
            number = next(iter(re.findall(r"\d+", column)), "")
            plain = fold(column)
            numbered = plain.replace(number, "{n}", 1) if number else plain
            if (name := aliases.get(plain) or aliases.get(numbered)) is not None:
                names.setdefault(name.replace("{n}", number), column)
            if (name := plain.removeprefix("g:").replace(" ", "_")) != plain:
                names.setdefault(name, column)
        return names

    def unpack(self, table: CatalogTable) -> Draft:
        """Return a table after the steps of this format."""
        return unpacked(table, self.steps, self.other_names(table.header))

    def to_toml(self) -> str:
        """Return the mapping as a file to edit."""
        facts = self.model_dump(exclude_defaults=True)
        facts["columns"] = {
            name: column.use
            if set(column.model_dump(exclude_defaults=True)) == {"use"}
            else column.model_dump(exclude_defaults=True)
            for name, column in self.columns.items()
        }
        document = tomlkit.document()
        document.add(tomlkit.comment("What a catalog's columns mean. Import with it:"))
        document.add(tomlkit.comment("  datrnet import CATALOG --mapping THIS_FILE"))
        document.add(tomlkit.comment(f"Each column is used as one of: {', '.join(get_args(Use))}."))
        document.update(facts)
        return tomlkit.dumps(document)


@cache
def known_mappings() -> tuple[Mapping, ...]:
    """Return the mappings of common exports."""
    folder = files(__package__)
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".toml"))
    texts = ((name, (folder / name).read_text("utf-8")) for name in names)
    return tuple(_parse(text, name) for name, text in texts)


def recognize(header: Iterable[str]) -> Mapping | None:
    """Return the mapping of the export that has these columns; the most specific if several fit."""
    names = tuple(header)
    fitting = [mapping for mapping in known_mappings() if mapping.fits(names)]
    return max(fitting, key=lambda mapping: len(mapping.recognize), default=None)


def read_mapping(path: Path) -> Mapping:
    """Read a mapping.

    Raises:
        UnknownNameError: There is no such file.
        ConfigError: It is no mapping.
    """
    try:
        return _parse(path.read_text("utf-8"), str(path))
    except FileNotFoundError as error:
        siblings = path.parent.glob("*.toml") if path.parent.is_dir() else ()
        hint = nearest(path.name, sorted(sibling.name for sibling in siblings))
        raise UnknownNameError("mapping", str(path), [], hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The mapping {path} cannot be read: {error}.") from error


def _parse(text: str, name: str) -> Mapping:
    try:
        return Mapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The mapping {name} is not valid TOML: {error}.") from error
    except ValidationError as error:
        first: Any = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"The mapping {name} is wrong at {place!r}: {first['msg']}.",
            hint="`datrnet import CATALOG --write-mapping FILE` writes one to start from.",
        ) from error
