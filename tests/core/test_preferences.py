"""The configuration file: what it may say, what is told of mistakes, and changing it."""

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.preferences import (
    CustomTheme,
    Preferences,
    RenamedKeyError,
    json_schema,
    path_of,
    settings,
    settings_table,
    template,
)
from datrnet.core.preferences_file import (
    CONFIG_VARIABLE,
    PreferencesFile,
    is_first_start,
    line_of,
    read_preferences,
    remember_start,
)

WHOLE = """\
# mine
theme = "nord"   # the blue one
results = 20

[keys]
# as in my editor
"catalog.search" = "ctrl+f"
facets.down = "n"

[themes.mine]
primary = "#123456"
dark = false
"""


@pytest.fixture
def file(tmp_path: Path) -> PreferencesFile:
    return PreferencesFile(tmp_path / "folder" / "config.toml")


def write(file: PreferencesFile, text: str) -> PreferencesFile:
    file.replace_text(text)
    return file


def test_without_a_file_the_defaults_hold(file: PreferencesFile) -> None:
    assert file.read() == (Preferences(), ())
    assert file.stated() == {}


def test_everything_a_file_says_is_read(file: PreferencesFile) -> None:
    preferences, _ = write(file, WHOLE).read()
    assert (preferences.theme, preferences.results, preferences.tour) == ("nord", 20, True)
    assert preferences.keys == {"catalog.search": "ctrl+f", "facets.down": "n"}
    assert preferences.themes["mine"].primary == "#123456"
    assert not preferences.themes["mine"].dark


def test_what_a_file_states_is_known_with_its_lines(file: PreferencesFile) -> None:
    stated = {".".join(path): value for path, value in write(file, WHOLE).stated().items()}
    assert stated == {
        "theme": ("nord", 2),
        "results": (20, 3),
        "keys.catalog.search": ("ctrl+f", 7),
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
        ("theme = 1", 1, "theme is 1; it must be text"),
        ('keys = "x"', 1, "it must be a table"),
        ('[keys]\n"a.b" = 1', 2, "keys.a.b is 1; it must be text"),
        ("[keys]\na.b.c = 1", 2, "keys.a.b.c is 1; it must be text"),
        ('[themes.x]\nprimry = "#fff"', 2, "A theme has no setting 'primry'. Did you mean prim"),
        ('[themes.x]\nprimary = "blue"', 2, "it must be a color such as #"),
        ('\n[themes.x]\naccent = "#fff"', 2, "has no primary color"),
        ("[themes]\nx = 3", 2, "themes.x is 3; it must be a table of colors"),
        ("theme = ", None, "not valid TOML"),
        ("theme = 'a'\ntheme = 'b'\nx = 1", None, "(at line 2, column"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_what_is_allowed(
    file: PreferencesFile, text: str, line: int | None, words: str
) -> None:
    _, (trouble, *_) = write(file, text).read()
    told = str(trouble)
    assert words in told
    assert told.startswith(f"{file.path}, line {line}: " if line else str(file.path))
    assert "\n" not in told


def test_a_file_that_is_no_text_or_cannot_be_read_is_told(file: PreferencesFile) -> None:
    write(file, "").path.write_bytes(b"\xff\xfe")
    assert "UTF-8" in str(file.read()[1][0])
    file.path.unlink()
    file.path.mkdir()
    assert "cannot be read" in str(file.read()[1][0])
    with pytest.raises(ConfigError, match="cannot be written"):
        file.replace_text("")
    assert [entry.name for entry in file.path.parent.iterdir()] == ["config.toml"]


def test_a_broken_file_gives_the_defaults_and_what_is_wrong(settings_file: PreferencesFile) -> None:
    assert read_preferences() == (Preferences(), ())
    write(settings_file, "theme = ")
    preferences, (trouble,) = read_preferences()
    assert preferences == Preferences()
    assert "not valid TOML" in str(trouble)
    assert settings_file.stated() == {}


def test_what_is_right_holds_beside_what_is_wrong_and_all_of_that_is_told(
    file: PreferencesFile,
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
    preferences, troubles = write(file, wrong).read()
    mine = CustomTheme(primary="#123456")
    assert preferences == Preferences(
        blocks="halves", keys={"facets.up": "n"}, themes={"mine": mine}
    )
    places = [str(entry).partition(": ")[0] for entry in troubles]
    assert places == [f"{file.path}, line {line}" for line in (2, 4, 6, 11)]
    stated = [".".join(path) for path in file.stated()]
    assert stated == ["blocks", "keys.facets.up", "themes.mine.primary"]


def test_changing_a_value_keeps_comments_and_everything_else(file: PreferencesFile) -> None:
    write(file, WHOLE)
    file.set(("theme",), "dracula")
    file.set(("keys", "facets.down"), "m")
    file.set(("keys", "facets.up"), "comma")
    file.set(("themes", "mine", "accent"), "#fff")
    file.set(("blocks",), "halves")
    text = file.text()
    for kept in ("# mine", "# the blue one", "# as in my editor", '"catalog.search" = "ctrl+f"'):
        assert kept in text
    preferences, _ = file.read()
    assert (preferences.theme, preferences.blocks) == ("dracula", "halves")
    assert preferences.keys == {
        "catalog.search": "ctrl+f",
        "facets.down": "m",
        "facets.up": "comma",
    }
    assert preferences.themes["mine"].accent == "#fff"


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
    file: PreferencesFile, path: tuple[str, ...], value: str | int
) -> None:
    write(file, WHOLE)
    with pytest.raises(ConfigError):
        file.set(path, value)
    assert file.text() == WHOLE


def test_a_mistake_can_be_mended_by_setting_the_value_again(file: PreferencesFile) -> None:
    write(file, 'results = 0\nblocks = "half"\n')
    file.set(("results",), 5)
    assert "blocks" in str(file.read()[1][0])
    file.set(("blocks",), "halves")
    assert file.read()[0].results == 5


def test_values_are_unset_however_they_are_written(file: PreferencesFile) -> None:
    write(file, WHOLE)
    assert file.unset(("keys", "facets.down"))
    assert file.unset(("keys", "catalog.search"))
    assert file.unset(("themes", "mine"))
    assert file.unset(("theme",))
    assert not file.unset(("theme",))
    assert not file.unset(("keys", "facets.up"))
    assert file.read()[0] == Preferences(results=20)
    assert "# as in my editor" in file.text()


def test_a_link_stays_a_link_and_rights_stay_as_they_are(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    target.write_text("results = 3\n")
    target.chmod(0o600)
    link.symlink_to(target)
    PreferencesFile(link).set(("results",), 4)
    assert link.is_symlink()
    assert target.read_text() == "results = 4\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_the_template_states_nothing_and_every_line_of_it_can_be_taken_in(
    file: PreferencesFile,
) -> None:
    assert write(file, template()).read()[0] == Preferences()
    lines = [line.removeprefix("# ") for line in template().splitlines() if "# " in line]
    stated = [line for line in lines if " = " in line or line.startswith("[")]
    preferences, _ = write(file, "\n".join(stated)).read()
    assert preferences.keys == {"catalog.search": "slash,ctrl+f"}
    assert preferences.themes["mine"].dark
    assert preferences == Preferences(keys=preferences.keys, themes=preferences.themes)


def test_a_value_stated_in_the_template_takes_the_place_of_its_line(file: PreferencesFile) -> None:
    write(file, template())
    for name, value in {"theme": "nord", "tour": False, "results": 9}.items():
        file.set((name,), value)
    assert '# theme = "' not in file.text()
    assert file.text().index('theme = "nord"') < file.text().index("# [keys]")
    assert file.read()[0] == Preferences(theme="nord", tour=False, results=9)
    assert len(file.text().splitlines()) == len(template().splitlines())


def test_keys_under_their_old_names_work_and_are_reported(file: PreferencesFile) -> None:
    write(file, '[keys]\n"catalogue.sort" = "u"\ncatalogue.jump = "z"\n"catalog.jump" = "x"\n')
    preferences, notices = file.read()
    assert preferences.keys == {"catalog.sort": "u", "catalog.jump": "x"}
    assert all(isinstance(notice, RenamedKeyError) for notice in notices)
    told = "keys.catalogue.sort is now keys.catalog.sort; the old name works until 0.3."
    assert str(notices[0]) == f"{file.path}, line 2: {told}"
    assert len(notices) == 2
    write(file, '[keys]\n"doubts.unlabelled" = "z"\n')
    assert file.read()[0].keys == {"doubts.unlabeled": "z"}


def test_setting_or_unsetting_a_key_removes_its_old_name(file: PreferencesFile) -> None:
    write(file, '[keys]\n"catalogue.sort" = "u"\ncatalogue.jump = "z"\n')
    file.set(path_of("keys.catalogue.sort"), "y")
    assert file.unset(path_of("keys.catalog.jump"))
    assert file.read() == (Preferences(keys={"catalog.sort": "y"}), ())
    assert "catalogue" not in file.text()


def test_only_a_file_that_says_something_loads_the_schema_library(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    probe = (
        "import pathlib, sys, datrnet.console.browse, datrnet.tui.app\n"
        "from datrnet.core.preferences_file import read_preferences\n"
        "for text in ('# nothing yet', 'results = 3'):\n"
        f"    pathlib.Path({str(config)!r}).write_text(text)\n"
        "    read_preferences()\n    print('pydantic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {CONFIG_VARIABLE: str(config)},
    )
    assert done.stdout.split() == ["False", "True"]


def test_the_json_schema_and_the_table_have_every_setting() -> None:
    schema = json_schema()
    assert list(schema["properties"]) == list(settings())
    assert schema["properties"]["blocks"]["enum"] == ["quadrants", "sextants", "halves"]
    assert schema["properties"]["themes"]["additionalProperties"]["required"] == ["primary"]
    for name in settings():
        assert f"| `{name}` |" in settings_table()


def test_the_workspace_of_the_settings_holds_where_none_is_named(
    settings_file: PreferencesFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATRNET_WORKSPACE", raising=False)
    settings_file.set(("workspace",), str(tmp_path / "shop"))
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
        ("keys.catalog.search", ("keys", "catalog.search")),
        ("themes.my.own.primary", ("themes", "my.own", "primary")),
    ],
)
def test_an_address_leads_to_a_value(address: str, path: tuple[str, ...]) -> None:
    assert path_of(address) == path
