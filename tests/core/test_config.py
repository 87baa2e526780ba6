"""Configs are data: TOML in, checked values out."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from datrnet.core.config import READY_CONFIGS, Config, ModelConfig, TrainConfig
from datrnet.core.errors import ConfigError


@pytest.mark.parametrize("name", READY_CONFIGS)
def test_ready_configs_load(name: str) -> None:
    assert Config.load(name).name == name


def test_paper_config_is_the_papers() -> None:
    config = Config.load("paper")
    assert (config.model.image_size, config.model.filters) == (256, 32)
    assert (config.model.embedding_size, config.model.dropout) == (128, 0.25)
    assert config.train.triplets == 90_000


def test_small_config_is_64_px() -> None:
    assert Config.load("small").model.image_size == 64


def test_a_config_survives_json() -> None:
    config = Config.load("small")
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[model]\nfiltres = 8", "filters"),
        ("[modell]\nfilters = 8", "model"),
        ("[model]\nfilters = 'many'", "type int"),
        ("[model]\nfusion = 'average'", "concat, sum, product"),
        ("[model]\nattention = ['depth']", "channel"),
        ("[model]\nattention = 'channel'", "list"),
        ("[model]\nmid_level_kernels = [3]", "2 entries"),
        ("[model]\nmid_level_kernels = ['a', 'b']", "type int"),
        ("[train]\nlearning_rate = inf", "above 0"),
        ("[model]\ndropout = 1.5", "below 1"),
        ("[model]\nfilters = 5", "even"),
        ("[model]\nkernel = 2", "odd"),
        ("[train]\nepochs = 0", "at least 1"),
        ("[train]\nmargin = 0", "above 0"),
        ("[train]\nepochs = true", "type int"),
        ("model = 3", "table"),
        ("base = 'smal'", "small"),
        ("base = 3", "small"),
        ("[model", "TOML"),
    ],
)
def test_a_wrong_config_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        Config.load(str(path))
    assert caught.value.exit_code == 2


def test_an_unknown_config_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="small"):
        Config.load("smal")


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return Config.load(str(path))


def test_a_file_of_two_lines_changes_one_field_of_small(tmp_path: Path) -> None:
    small, mine = Config.load("small"), load(tmp_path, "[train]\nmargin = 0.3")
    assert mine.name == "mine"
    assert mine.train == replace(small.train, margin=0.3)
    assert (mine.model, mine.index, mine.system) == (small.model, small.index, small.system)


@pytest.mark.parametrize("base", READY_CONFIGS)
def test_a_file_starts_from_the_base_it_names(tmp_path: Path, base: str) -> None:
    mine = load(tmp_path, f'base = "{base}"\nname = "wide"\n[model]\nfilters = 64')
    ready = Config.load(base)
    assert mine == replace(ready, name="wide", model=replace(ready.model, filters=64))


def test_a_stored_run_keeps_the_meaning_of_fields_that_it_lacks() -> None:
    stored = {"name": "old", "model": {"image_size": 32}, "train": {"margin": 0.3}}
    config = Config.from_dict(stored)
    assert config.model == ModelConfig(image_size=32)
    assert config.train == TrainConfig(margin=0.3)
    assert (config.model.filters, config.model.fusion) == (32, "concat")
    assert (config.train.triplets, config.train.mining) == (90_000, "batch_hard")
