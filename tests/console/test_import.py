"""What `datrnet import` says of the rows, and what it tells a person to do next."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace

Run = Callable[..., Result]


def test_the_next_step_is_what_helps_now(
    run: Run, tmp_path: Path, shop: Path, copied: Workspace
) -> None:
    def step(root: Path, *arguments: object) -> str:
        result = run(root, "import", *arguments)
        assert result.exit_code == 0, result.output
        return result.stderr.strip().splitlines()[-1]

    assert "Next: datrnet train" in step(tmp_path / "new", shop)
    assert step(copied.root, shop).endswith("The index is up to date.")
    Image.new("RGB", (24, 32)).save(tmp_path / "a.png")
    header, first, *_ = shop.read_text().splitlines()
    cells = dict(zip(header.split(","), first.split(","), strict=True))
    table = tmp_path / "more.csv"
    cells |= {"id": "new", "image": "a.png"}
    table.write_text(",".join(cells) + "\n" + ",".join(cells.values()))
    told = step(copied.root, table)
    assert "1 item is not indexed yet. Next: datrnet index" in told
    cells["collar"] = "round"
    table.write_text(",".join(cells) + "\n" + ",".join(cells.values()))
    told = step(copied.root, table, "--attribute", "collar")
    assert "collar is not trained yet. Next: datrnet train and datrnet index" in told


def test_without_a_super_category_the_next_step_is_to_name_one(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (24, 32)).save(tmp_path / "a.png")
    table = tmp_path / "one.csv"
    table.write_text("id,image,colour\n1,a.png,Red\n")
    result = run(tmp_path / "workspace", "import", table)
    assert result.exit_code == 0
    assert "1 row: 1 item added" in result.stdout
    assert "--attribute NAME" in result.stderr
    assert "Next: datrnet train" not in result.stderr


def test_json_of_a_catalog_file_names_skipped_rows_by_line(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (24, 32)).save(tmp_path / "a.png")
    table = tmp_path / "two.csv"
    table.write_text("id,image,colour\n1,a.png,Red\n2,b.png,Blue\n")
    facts = json.loads(run(tmp_path / "workspace", "import", table, "--json").stdout)
    (problem,) = facts["problems"]
    assert list(problem) == ["line", "message", "hint", "unit"]
    assert problem["line"] == 3
    uses = {column["column"]: column["use"] for column in facts["plan"]["columns"]}
    assert uses["image"] == "image"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_any_unicode_form_are_one_name(run: Run, tmp_path: Path, form: str) -> None:
    def in_form(text: str) -> str:
        return unicodedata.normalize(form, text)

    def in_other_form(text: str) -> str:
        return unicodedata.normalize("NFD" if form == "NFC" else "NFC", text)

    Image.new("RGB", (24, 32)).save(tmp_path / in_other_form("été.png"))
    Image.new("RGB", (32, 24)).save(tmp_path / in_other_form("été 2.png"))
    table, root = tmp_path / "one.csv", tmp_path / "workspace"
    table.write_text(
        in_form("id,image,Côté\nRôbe-1,été.png,Rosé | Élan\nRôbe-2,été 2.png,rosé\n"),
        encoding="utf-8",
    )
    result = run(root, "import", table, "--attribute", in_other_form("CÔTÉ"))
    assert result.exit_code == 0, result.output
    done = run(root, "label", "set", in_other_form("rôbe-2"), in_other_form("côté=élan|ROSÉ"))
    assert done.exit_code == 0, done.output
    again = run(root, "import", table, "--attribute", in_form("côté"))
    assert again.exit_code == 0, again.output
    with Workspace(root).open_store() as store:
        (category,) = store.super_categories()
        catalog = Catalog.load(store)
    assert {value.casefold() for value in category.values} == {"rosé", "élan"}
    assert [len(catalog.values_of(row)["Côté"]) for row in (0, 1)] == [2, 2]


def test_a_dry_run_tells_each_column_in_a_line(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (24, 32)).save(tmp_path / "a.png")
    table = tmp_path / "two.csv"
    text = "A very long description of a shirt, " * 10
    table.write_text(f'id,image,colour,text\n1,a.png,Red,"1 {text}"\n2,a.png,Blue,"2 {text}"\n')
    result = run(tmp_path / "workspace", "import", table, "--dry-run")
    assert result.exit_code == 0
    (line,) = (line for line in result.stdout.splitlines() if line.startswith(" text"))
    assert line.split()[1] == "skipped"
    assert "1 A very long description of a shirt" in line
    assert line.rstrip().endswith("…")
    assert result.stdout.count("description") == 1
    assert "Nothing was written." in result.stderr
