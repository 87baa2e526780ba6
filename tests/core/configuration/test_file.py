"""The configuration file: what it may say, what is told of mistakes, and changing it."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.configuration.file import SettingsFile, read_settings
from datrnet.core.configuration.first_start import is_first_start, remember_start
from datrnet.core.configuration.lines import line_of
from datrnet.core.configuration.schema import SETTINGS, path_of
from datrnet.core.configuration.texts import json_schema, settings_table, template
from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.settings import OwnTheme, Settings

WHOLE = """\
# mine
theme = "nord"   # the blue one
results = 20

[keys]
# as in my editor
"catalogue.search" = "ctrl+f"
facets.down = "n"

[themes.mine]
primary = "#123456"
dark = false
"""


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "folder" / "config.toml")


def write(file: SettingsFile, text: str) -> SettingsFile:
    file.replace_text(text)
    return file


def test_without_a_file_the_defaults_hold(file: SettingsFile) -> None:
    assert file.read() == (Settings(), ())
    assert file.stated() == []


def test_everything_a_file_says_is_read(file: SettingsFile) -> None:
    settings, _ = write(file, WHOLE).read()
    assert (settings.theme, settings.results, settings.tour) == ("nord", 20, True)
    assert settings.keys == {"catalogue.search": "ctrl+f", "facets.down": "n"}
    assert settings.themes["mine"].primary == "#123456"
    assert not settings.themes["mine"].dark


def test_what_a_file_states_is_known_with_its_lines(file: SettingsFile) -> None:
    stated = {".".join(one.path): (one.value, one.line) for one in write(file, WHOLE).stated()}
    assert stated == {
        "theme": ("nord", 2),
        "results": (20, 3),
        "keys.catalogue.search": ("ctrl+f", 7),
        "keys.facets.down": ("n", 8),
        "themes.mine.primary": ("#123456", 11),
        "themes.mine.dark": (False, 12),
    }


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('\nthem = "nord"', 2, "There is no setting 'them'. Did you mean theme"),
        ('blocks = "half"', 1, "one of quadrants, sextants, halves. Did you mean halves?"),
        ("blocks = 3", 1, "blocks is 3; it must be one of"),
        ("\n\nresults = 0", 3, "results is 0; it must be a whole number from 1 to 1000"),
        ("results = true", 1, "results is true; it must be a whole number"),
        ('tour = "yes"', 1, "it must be true or false"),
        ("theme = 1", 1, "theme is 1; it must be a text"),
        ('keys = "x"', 1, "it must be a table"),
        ('[keys]\n"a.b" = 1', 2, "keys.a.b is 1; it must be a text"),
        ("[keys]\na.b.c = 1", 2, "keys.a.b.c is 1; it must be a text"),
        ('[themes.x]\nprimry = "#fff"', 2, "A theme has no setting 'primry'. Did you mean prim"),
        ('[themes.x]\nprimary = "blue"', 2, "it must be a colour such as #"),
        ('\n[themes.x]\naccent = "#fff"', 2, "lacks its primary colour"),
        ("[themes]\nx = 3", 2, "themes.x must be a table of colours"),
        ("theme = ", None, "not valid TOML"),
        ("theme = 'a'\ntheme = 'b'\nx = 1", None, "(at line 2, column"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_what_is_allowed(
    file: SettingsFile, text: str, line: int | None, words: str
) -> None:
    _, (trouble, *_) = write(file, text).read()
    told = str(trouble)
    assert words in told
    assert told.startswith(f"{file.path}, line {line}: " if line else str(file.path))
    assert "\n" not in told


def test_a_file_that_is_no_text_or_cannot_be_read_is_told(file: SettingsFile) -> None:
    write(file, "").path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in str(file.read()[1][0])
    file.path.unlink()
    file.path.mkdir()
    assert "cannot be read" in str(file.read()[1][0])
    with pytest.raises(ConfigError, match="cannot be written"):
        file.replace_text("")
    assert [one.name for one in file.path.parent.iterdir()] == ["config.toml"]


def test_a_broken_file_gives_the_defaults_and_what_is_wrong(settings_file: SettingsFile) -> None:
    assert read_settings() == (Settings(), ())
    write(settings_file, "theme = ")
    settings, (trouble,) = read_settings()
    assert settings == Settings()
    assert "not valid TOML" in str(trouble)
    assert settings_file.stated() == []


def test_what_is_right_holds_beside_what_is_wrong_and_all_of_that_is_told(
    file: SettingsFile,
) -> None:
    wrong = """
results = 0
blocks = "halves"
them = "nord"
[keys]
"facets.down" = 1
"facets.up" = "n"
[themes.mine]
primary = "#123456"
[themes.other]
primary = "blue"
"""
    settings, troubles = write(file, wrong).read()
    mine = OwnTheme(primary="#123456")
    assert settings == Settings(blocks="halves", keys={"facets.up": "n"}, themes={"mine": mine})
    places = [str(one).partition(": ")[0] for one in troubles]
    assert places == [f"{file.path}, line {line}" for line in (2, 4, 6, 11)]
    stated = [".".join(one.path) for one in file.stated()]
    assert stated == ["blocks", "keys.facets.up", "themes.mine.primary"]


def test_changing_a_value_keeps_comments_and_everything_else(file: SettingsFile) -> None:
    write(file, WHOLE)
    file.state(("theme",), "dracula")
    file.state(("keys", "facets.down"), "m")
    file.state(("keys", "facets.up"), "comma")
    file.state(("themes", "mine", "accent"), "#fff")
    file.state(("blocks",), "halves")
    text = file.text()
    for kept in ("# mine", "# the blue one", "# as in my editor", '"catalogue.search" = "ctrl+f"'):
        assert kept in text
    settings, _ = file.read()
    assert (settings.theme, settings.blocks) == ("dracula", "halves")
    assert settings.keys == {
        "catalogue.search": "ctrl+f",
        "facets.down": "m",
        "facets.up": "comma",
    }
    assert settings.themes["mine"].accent == "#fff"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("blocks",), "half"),
        (("results",), 0),
        (("results",), "many"),
        (("unknown",), "x"),
        (("keys",), "x"),
        (("themes", "new", "accent"), "#ffffff"),
        (("themes", "mine", "primary"), "white"),
    ],
)
def test_a_value_that_is_not_allowed_changes_nothing(
    file: SettingsFile, path: tuple[str, ...], value: str | int
) -> None:
    write(file, WHOLE)
    with pytest.raises(ConfigError):
        file.state(path, value)
    assert file.text() == WHOLE


def test_a_mistake_can_be_mended_by_stating_the_value_anew(file: SettingsFile) -> None:
    write(file, 'results = 0\nblocks = "half"\n')
    file.state(("results",), 5)
    assert "blocks" in str(file.read()[1][0])
    file.state(("blocks",), "halves")
    assert file.read()[0].results == 5


def test_values_are_withdrawn_however_they_are_written(file: SettingsFile) -> None:
    write(file, WHOLE)
    assert file.withdraw(("keys", "facets.down"))
    assert file.withdraw(("keys", "catalogue.search"))
    assert file.withdraw(("themes", "mine"))
    assert file.withdraw(("theme",))
    assert not file.withdraw(("theme",))
    assert not file.withdraw(("keys", "facets.up"))
    assert file.read()[0] == Settings(results=20)
    assert "# as in my editor" in file.text()


def test_a_link_stays_a_link_and_rights_stay_as_they_are(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    target.write_text("results = 3\n")
    target.chmod(0o600)
    link.symlink_to(target)
    SettingsFile(link).state(("results",), 4)
    assert link.is_symlink()
    assert target.read_text() == "results = 4\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_the_template_states_nothing_and_every_line_of_it_can_be_taken_in(
    file: SettingsFile,
) -> None:
    assert write(file, template()).read()[0] == Settings()
    lines = [line.removeprefix("# ") for line in template().splitlines() if "# " in line]
    stated = [line for line in lines if " = " in line or line.startswith("[")]
    settings, _ = write(file, "\n".join(stated)).read()
    assert settings.keys == {"catalogue.search": "slash,ctrl+f"}
    assert settings.themes["mine"].dark
    assert settings == Settings(keys=settings.keys, themes=settings.themes)


def test_a_value_stated_in_the_template_takes_the_place_of_its_line(file: SettingsFile) -> None:
    write(file, template())
    for name, value in {"theme": "nord", "tour": False, "results": 9}.items():
        file.state((name,), value)
    assert '# theme = "' not in file.text()
    assert file.text().index('theme = "nord"') < file.text().index("# [keys]")
    assert file.read()[0] == Settings(theme="nord", tour=False, results=9)
    assert len(file.text().splitlines()) == len(template().splitlines())


def test_the_json_schema_and_the_table_have_every_setting() -> None:
    schema = json_schema()
    assert list(schema["properties"]) == list(SETTINGS)
    assert schema["properties"]["blocks"]["enum"] == ["quadrants", "sextants", "halves"]
    assert schema["properties"]["themes"]["additionalProperties"]["required"] == ["primary"]
    for name in SETTINGS:
        assert f"| `{name}` |" in settings_table()


def test_the_workspace_of_the_settings_holds_where_none_is_named(
    settings_file: SettingsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATRNET_WORKSPACE", raising=False)
    settings_file.state(("workspace",), str(tmp_path / "shop"))
    assert Workspace.locate().root == tmp_path / "shop"
    assert Workspace.locate(tmp_path / "other").root == tmp_path / "other"
    monkeypatch.setenv("DATRNET_WORKSPACE", str(tmp_path / "named"))
    assert Workspace.locate().root == tmp_path / "named"


def test_the_first_start_is_remembered() -> None:
    assert is_first_start()
    remember_start()
    assert not is_first_start()


names = st.text(st.sampled_from("abc-_1"), min_size=1, max_size=3)


@given(
    st.dictionaries(names, st.dictionaries(names, st.integers(), min_size=1), min_size=1),
    st.booleans(),
)
def test_the_line_of_a_value_is_the_one_that_it_stands_in(
    tables: dict[str, dict[str, int]], quoted: bool
) -> None:
    lines, expected = [], {}
    for table, values in tables.items():
        lines += ["# a comment = 1", f'["{table}"]' if quoted else f"[ {table} ]"]
        for name, value in values.items():
            lines.append(f"  '{name}'={value}" if quoted else f"{name} = {value}")
            expected[(table, name)] = len(lines)
    text = "\n".join(lines)
    assert tomllib.loads(text) == tables
    assert {path: line_of(text, path) for path in expected} == expected


@given(st.text())
def test_no_text_makes_the_search_for_lines_fail(text: str) -> None:
    line = line_of(text, ("a", "b"))
    assert line is None or 1 <= line <= len(text.splitlines())


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("theme", ("theme",)),
        ("keys.catalogue.search", ("keys", "catalogue.search")),
        ("themes.my.own.primary", ("themes", "my.own", "primary")),
    ],
)
def test_an_address_leads_to_a_value(address: str, path: tuple[str, ...]) -> None:
    assert path_of(address) == path
