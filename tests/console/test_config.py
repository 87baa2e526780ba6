"""`datrnet config`: everything it shows and changes, and that commands mind the file."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from datrnet.cli import app
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.preferences import Preferences, settings
from datrnet.core.preferences_file import PreferencesFile
from datrnet.tui.keymap import default_entries


def config(*arguments: str, code: int = 0) -> Result:
    result = CliRunner(env={"NO_COLOR": "1"}).invoke(app, ["config", *arguments])
    assert result.exit_code == code, result.output
    return result


def test_what_is_set_is_shown_with_its_line(settings_file: PreferencesFile) -> None:
    settings_file.replace_text("# a comment\ntheme = 'nord'\n[keys]\n'facets.down' = 'n'\n")
    shown = json.loads(config("show", "--json").stdout)
    assert shown["path"] == str(settings_file.path)
    rows = {row["name"]: row for row in shown["settings"]}
    assert rows["theme"] == {"name": "theme", "value": "nord", "from": "file", "line": 2}
    assert rows["keys.facets.down"]["line"] == 4
    assert rows["results"] == {"name": "results", "value": 60, "from": "default", "line": None}
    assert set(settings()) - {"keys", "themes"} <= set(rows)
    table = config("show").output
    assert "line 2" in table
    assert "default" in table


def test_a_workspace_of_the_environment_is_shown_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATRNET_WORKSPACE", "/somewhere")
    rows = json.loads(config("show", "--json").stdout)["settings"]
    (row,) = [row for row in rows if row["name"] == "workspace"]
    assert (row["value"], row["from"]) == ("/somewhere", "$DATRNET_WORKSPACE")
    assert config("get", "workspace").stdout == "/somewhere\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("theme", "nord", "nord"),
        ("results", "12", "12"),
        ("tour", "off", "false"),
        ("blocks", "halves", "halves"),
        ("workspace", "~/shop", "~/shop"),
        ("keys.catalog.search", "Ctrl+F,/", "ctrl+f,slash"),
        ("themes.mine.primary", "#123456", "#123456"),
    ],
)
def test_a_setting_is_set_got_and_unset(
    settings_file: PreferencesFile, name: str, text: str, expected: str
) -> None:
    before = config("get", name, code=2 if name.startswith("themes") else 0).stdout
    assert name in config("set", name, text).stderr
    assert config("get", name).stdout == f"{expected}\n"
    assert name in config("unset", name).stderr
    assert name.startswith("themes") or config("get", name).stdout == before
    assert "was not in" in config("unset", name).stderr


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("them", "nord", "Did you mean theme"),
        ("theme", "nrd", "Did you mean nord?"),
        ("blocks", "half", "one of quadrants, sextants, halves. Did you mean halves?"),
        ("results", "-3", "a whole number from 1 to 1000"),
        ("results", "many", "a whole number from 1 to 1000"),
        ("tour", "perhaps", "true or false"),
        ("keys.catalog.serch", "x", "Did you mean catalog.search"),
        ("keys.catalog.search", "f", "which catalog.facets has too"),
        ("keys.catalog.search", "pagedwn", "Did you mean pagedown"),
        ("keys", "x", "Set keys.NAME instead"),
        ("themes.mine.accent", "#ffffff", "has no primary color"),
        ("theme.colour", "x", "theme is not a table"),
    ],
)
def test_what_cannot_be_set_is_refused_in_one_line(
    settings_file: PreferencesFile, name: str, text: str, words: str
) -> None:
    result = config("set", name, text, code=2)
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not settings_file.path.exists()


def test_a_workspace_that_is_not_there_yet_is_told(tmp_path: Path) -> None:
    assert "no such folder yet" in config("set", "workspace", str(tmp_path / "none")).stderr
    assert "no such folder" not in config("set", "workspace", str(tmp_path)).stderr


def test_a_table_is_got_as_json() -> None:
    config("set", "themes.mine.primary", "#123456")
    assert json.loads(config("get", "themes").stdout) == {
        "mine": {"primary": "#123456", "dark": True}
    }
    assert json.loads(config("get", "keys").stdout)["catalog.search"] == "slash"
    assert config("get", "tour", "--json").stdout == "true\n"
    assert "No theme is called 'other'" in config("get", "themes.other.primary", code=2).stderr
    assert "No stated color is called" in config("get", "themes.mine.accent", code=2).stderr


def test_the_keys_are_listed_as_they_are_in_force() -> None:
    config("set", "keys.catalog.search", "ctrl+f")
    listed = {entry["id"]: entry for entry in json.loads(config("keys", "--json").stdout)}
    assert set(listed) == {entry.id for entry in default_entries()}
    assert listed["catalog.search"]["keys"] == ["ctrl+f"]
    assert listed["catalog.search"]["default_keys"] == ["slash"]
    assert listed["facets.down"]["keys"] == ["down", "j"]
    assert "ctrl+f" in config("keys").stdout


def test_keys_and_themes_that_cannot_be_had_are_told(settings_file: PreferencesFile) -> None:
    settings_file.replace_text("theme = 'nrd'\n[keys]\n'catalog.search' = 'f'\n")
    for command in ("show", "keys"):
        told = config(command).stderr
        assert "catalog.facets has too" in told
        assert "Did you mean nord?" in told
    assert config("get", "keys.catalog.search").stdout == "slash\n"


def test_old_names_of_keys_are_accepted_with_a_notice(settings_file: PreferencesFile) -> None:
    settings_file.replace_text("[keys]\n'catalogue.search' = 'ctrl+f'\n")
    assert "keys.catalogue.search is now keys.catalog.search" in config("show").stderr
    assert config("get", "keys.catalogue.search").stdout == "ctrl+f\n"
    assert "keys.catalog.sort is now y" in config("set", "keys.catalogue.sort", "y").stderr
    assert "Removed keys.catalogue.search" in config("unset", "keys.catalogue.search").stderr
    assert settings_file.read() == (Preferences(keys={"catalog.sort": "y"}), ())


def test_what_is_right_is_shown_beside_all_that_is_wrong(settings_file: PreferencesFile) -> None:
    settings_file.replace_text("results = 0\ntheme = 'nord'\nblocks = 'half'\n")
    told = config("show", code=2)
    assert "results is 0" in told.stderr
    assert "Did you mean halves?" in told.stderr
    assert "nord" in told.stdout
    assert config("get", "theme").stdout == "nord\n"
    assert "results is 0" in config("get", "results", code=2).stderr
    assert json.loads(config("keys", "--json", code=2).stdout)


def test_a_mistake_in_one_setting_keeps_no_command_from_its_work(
    settings_file: PreferencesFile, tmp_path: Path
) -> None:
    settings_file.replace_text(f"results = 0\nworkspace = '{tmp_path}'\n")
    assert Workspace.locate().root == tmp_path
    settings_file.replace_text("workspace = 3\n")
    with pytest.raises(ConfigError, match="workspace is 3"):
        Workspace.locate()


def test_the_schema_is_one_and_the_template_is_written_once(settings_file: PreferencesFile) -> None:
    schema = json.loads(config("schema", "--json").stdout)
    assert set(schema["properties"]) == set(settings())
    assert "themes.NAME.primary" in config("schema").stdout
    config("init")
    assert settings_file.read()[0] == Preferences()
    settings_file.set(("results",), 3)
    assert "--force" in config("init", code=2).stderr
    assert settings_file.read()[0].results == 3
    config("init", "--force")
    assert settings_file.read()[0] == Preferences()


def test_the_path_is_printed_alone(settings_file: PreferencesFile) -> None:
    assert config("path").stdout == f"{settings_file.path}\n"


def test_the_editor_gets_the_file_and_what_it_leaves_is_checked(
    settings_file: PreferencesFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "the editor.py"
    script.write_text("import sys; open(sys.argv[1], 'a').write(\"blocks = 'half'\\n\")")
    monkeypatch.setenv("VISUAL", "")
    monkeypatch.setenv("EDITOR", f"{sys.executable} '{script}'")
    assert "Did you mean halves?" in config("edit", code=2).stderr
    assert settings_file.text().startswith("# Settings of datrnet.")
    monkeypatch.setenv("EDITOR", "no-such-editor")
    assert "failed" in config("edit", code=2).stderr
    monkeypatch.delenv("EDITOR")
    assert "Set EDITOR" in config("edit", code=2).stderr


def test_a_broken_file_is_told_by_the_command_that_needs_it(
    settings_file: PreferencesFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATRNET_WORKSPACE", raising=False)
    settings_file.replace_text("\nworkspace = 3\n")
    for command in (["info"], ["config", "show"], ["config", "keys"]):
        result = CliRunner(env={"NO_COLOR": "1"}).invoke(app, command)
        assert result.exit_code == 2
        line = result.stderr.splitlines()[-1]
        assert f"{settings_file.path}, line 2: workspace is 3" in line
    # whoever says where to work needs no configuration
    result = CliRunner().invoke(app, ["info", "--workspace", str(tmp_path)])
    assert "workspace is" not in result.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("config se", {"set"}),
        ("config set th", {"theme"}),
        ("config set keys.catalog.sea", {"keys.catalog.search"}),
        ("config get resul", {"results"}),
        ("config set theme nor", {"nord"}),
        ("config set blocks ", {"quadrants", "sextants", "halves"}),
        ("config set tour ", {"true", "false"}),
        ("config set workspace ", set()),
    ],
)
def test_the_shell_completes_names_and_values(words: str, expected: set[str]) -> None:
    asked = {
        "_DATRNET_COMPLETE": "complete_bash",
        "COMP_WORDS": f"datrnet {words}",
        "COMP_CWORD": str(len(f"{words}x".split())),
    }
    done = CliRunner(env=asked).invoke(app, [], prog_name="datrnet")
    assert set(done.stdout.split()) - {""} == expected
