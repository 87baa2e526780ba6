"""`datrnet demo` where no terminal is."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from datrnet.cli import app
from datrnet.core.config import Config, ModelConfig
from datrnet.core.demo import prepare
from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.db.rows import SuperCategory


@pytest.fixture
def _shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8)
    categories = tuple(
        SuperCategory(name=name, values=tuple(sorted(values)))
        for name, values in SUPER_CATEGORIES.items()
    )
    config = Config(name="demo", model=model)
    run = RunFolder(path=tmp_path / "weights", config=config, super_categories=categories)
    run.create()
    for idx in range(len(categories)):
        save_weights(DAtRNet(model), run.weights_path(idx))
    monkeypatch.setattr(prepare, "shipped_run", lambda: run.path)


@pytest.mark.usefixtures("_shipped")
def test_one_sample_search_is_printed_as_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATRNET_WORKSPACE", str(tmp_path / "home"))
    result = CliRunner().invoke(app, ["demo", "--items", "40"])
    assert result.exit_code == 0, result.output
    assert "→ black" in result.stdout
    assert result.stdout.count("D000") >= 10
    assert "40 items" in result.stderr
    assert (tmp_path / "home" / "demo-workspace" / "catalog.db").exists()
    assert not (tmp_path / "home" / "catalog.db").exists()

    result = CliRunner().invoke(app, ["demo"])
    assert "Drawing" not in result.stderr
    assert "40 items" in result.stderr


def test_a_folder_that_cannot_be_written_is_told_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.db.connection.may_write", lambda _: False)
    result = CliRunner().invoke(app, ["demo", "--workspace", str(tmp_path)])
    assert f"{tmp_path} is read-only. Choose a --workspace" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_shipped")
def test_a_demo_of_one_item_is_counted_in_the_singular(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["demo", "--items", "1", "--workspace", str(tmp_path / "home")]
    )
    assert result.exit_code == 0, result.output
    assert ": 1 item, seed 0." in result.stderr
