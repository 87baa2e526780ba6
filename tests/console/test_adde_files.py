"""ADDE's own files: released weights become a run, a folder's triplets are trained on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from typer.testing import Result

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.research import adde_release
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.networks import BACKBONES
from datrnet.core.research.systems.adde_m import AddeM
from datrnet.core.research.systems.method import ImageBatch
from datrnet.core.research.systems.registry import load_method
from datrnet.core.retrieval.manipulation import Addition, load_manipulation

Run = Callable[..., Result]

SHOP = (3, 2)
"""The numbers of values of colour and pattern."""

SMALL = """
[model]
image_size = 32
[train]
epochs = 2
[system]
batch = 12
"""


class Tiny(Backbone):
    """One convolution, in place of the millions of weights of AlexNet."""

    name = "alexnet"
    feature_size: ClassVar[int] = 8
    map_channels: ClassVar[int] = 8
    head = "none"

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        self.layer = nn.Conv2d(3, 8, 3, stride=8)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the map (B, 8, S/8, S/8)."""
        found: Tensor = self.layer(self.normalize(images))
        return found


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "alexnet", Tiny)


@pytest.fixture
def root(run: Run, tmp_path: Path, shop: Path) -> Path:
    assert run(tmp_path / "workspace", "import", shop).exit_code == 0
    return tmp_path / "workspace"


def encoder(num_values: tuple[int, ...] = SHOP) -> dict[str, Tensor]:
    """Return an encoder's tensors: the backbone's, projections, classifiers."""
    shapes: list[tuple[int, ...]] = [(8, 3, 3, 3), (8,)]
    shapes += [(340, 8), (340,), (340, 340), (340,)] * len(num_values)
    shapes += [shape for number in num_values for shape in ((number, 340), (number,))]
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(shape, generator=generator) / 10 for shape in shapes]
    return {f"their.{number}": tensor for number, tensor in enumerate(tensors)}


def memory(num_values: tuple[int, ...] = SHOP) -> dict[str, Tensor]:
    """Return a memory's matrix, the number of the column in each of its columns."""
    size, columns = 340 * len(num_values), sum(num_values)
    return {"their.block": torch.arange(float(columns)).repeat(size, 1)}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Both files as torch 1.4 wrote them."""
    paths = tmp_path / "extractor_best.pkl", tmp_path / "memory_best.pkl"
    for path, tensors in zip(paths, (encoder(), memory()), strict=True):
        torch.save(tensors, path, _use_new_zipfile_serialization=False)
    return paths


def released(run: Run, root: Path, *more: object) -> Result:
    return run(root, "train", "--system", "adde-m", "--released", *more)


def only_run(root: Path) -> RunFolder:
    (path,) = (root / "models").iterdir()
    return RunFolder.open(path)


def test_released_weights_are_a_finished_run_that_indexes_searches_and_evaluates(
    run: Run, root: Path, files: tuple[Path, Path]
) -> None:
    made = released(run, root, *files, "--json")
    assert made.exit_code == 0, made.output
    facts = json.loads(made.stdout)
    assert facts["run"].startswith("adde-m-released-")
    assert facts["results"][0]["epochs"] == 0
    folder = only_run(root)
    assert folder.config.model.image_size == 224
    own, theirs = load_file(folder.weights_path()), list(encoder().values())
    assert torch.equal(own["backbone.layer.weight"], theirs[0])
    assert torch.equal(own["classifiers.heads.1.weight"], theirs[-2])
    origin = json.loads(folder.released_path.read_text())
    assert origin["memory"]["file"] == "memory_best.pkl"
    assert origin["encoder"]["bytes"] == files[0].stat().st_size

    (row,) = json.loads(run(root, "info", "--json").stdout)["runs"]
    assert (row["name"], row["status"]) == (facts["run"], "finished")
    assert "no unfinished run" in run(root, "train", "--resume").stderr
    assert run(root, "index").exit_code == 0
    found = json.loads(run(root, "search", "item-1", "--set", "colour=Black", "--json").stdout)
    assert len(found["substitutes"]) > 5
    figures = json.loads(run(root, "evaluate", "-k", 3, "--json").stdout)
    assert figures["run_name"] == facts["run"]
    refused = run(root, "evaluate", "--ranking", "match")
    assert "The system of this index has no match scores" in refused.stderr
    report = run(root, "report")
    assert report.exit_code == 0, report.output


def test_weights_of_a_trained_system_say_the_same_as_released_files_of_other_columns(
    run: Run,
    root: Path,
    files: tuple[Path, Path],
    config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(adde_release, "IMAGE_SIZE", 32)  # that of the trained one
    assert trained(run, root, config).exit_code == 0
    assert run(root, "index").exit_code == 0
    figures = json.loads(run(root, "evaluate", "-k", 3, "--json").stdout)
    folder = only_run(root)
    names = tmp_path / "names.json"
    names.write_text('{"colour": ["Red", "Black", "Blue"], "pattern": ["plain", "striped"]}')
    order = [folder.super_categories[0].values.index(color) for color in ("Red", "Black", "Blue")]
    assert order != sorted(order)
    tensors = dict(load_method(folder).named_parameters())
    columns = tensors.pop("memory.weight").detach()
    torch.save({"memory": columns[:, [*order, 3, 4]]}, files[1])
    for part in ("weight", "bias"):
        name = f"classifiers.heads.0.{part}"
        tensors[name] = nn.Parameter(tensors[name][order])
    torch.save({name: tensor.detach() for name, tensor in tensors.items()}, files[0])

    assert released(run, root, *files, "--names", names).exit_code == 0
    assert run(root, "index").exit_code == 0
    again = json.loads(run(root, "evaluate", "-k", 3, "--json").stdout)
    assert again["run_name"] != figures["run_name"]
    for repeated, other in zip(again["use_cases"], figures["use_cases"], strict=True):
        for figure in ("num_queries", "top_k_accuracy", "ndcg"):
            found, expected = repeated["overall"][figure], other["overall"][figure]
            if figure != "num_queries":
                found, expected = found["value"], expected["value"]
            assert found == pytest.approx(expected)


def prototypes(root: Path) -> dict[str, float]:
    """Return which column of the memory stands for each value."""
    folder = only_run(root)
    manipulation = load_manipulation(folder.manipulation_path)
    assert isinstance(manipulation, Addition)
    assert torch.equal(
        load_file(folder.weights_path())["memory.weight"], torch.from_numpy(manipulation.memory)
    )
    return {
        f"{category.name} {value}": float(prototype[0])
        for idx, category in enumerate(folder.super_categories)
        for value, prototype in zip(category.values, manipulation.prototypes_of(idx), strict=True)
    }


def test_names_say_which_column_is_which_value(
    run: Run, root: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    names = tmp_path / "names.json"
    names.write_text('{"pattern": ["striped", "plain"], "colour": ["red", "black", "blue"]}')
    torch.save(encoder((2, 3)), files[0])
    torch.save(memory((2, 3)), files[1])
    made = released(run, root, *files, "--names", names)
    assert made.exit_code == 0, made.output
    assert "alphabetical" not in made.stderr
    columns = {"pattern striped": 0, "pattern plain": 1}
    assert prototypes(root) == columns | {"colour Red": 2, "colour Black": 3, "colour Blue": 4}


def test_without_names_the_alphabetical_order_is_told(
    run: Run, root: Path, files: tuple[Path, Path]
) -> None:
    made = released(run, root, *files)
    assert "The values of colour, pattern are assumed to be in alphabetical order." in made.stderr
    assert prototypes(root)["colour Black"] == 0


def test_numbered_values_stand_in_the_order_of_their_numbers(
    run: Run, files: tuple[Path, Path], shop: Path, tmp_path: Path
) -> None:
    folder = adde_folder(tmp_path, [(value, 0) for value in range(12)])
    assert import_adde(run, tmp_path / "numbered", folder, shop).exit_code == 0
    torch.save(encoder((12, 1)), files[0])
    torch.save(memory((12, 1)), files[1])
    made = released(run, tmp_path / "numbered", *files)
    assert made.exit_code == 0, made.output
    assert "alphabetical" not in made.stderr
    found = prototypes(tmp_path / "numbered")
    assert [found[f"attribute 1 {number}"] for number in (1, 2, 10, 12)] == [0, 1, 9, 11]


def told(result: Result, *words: str) -> None:
    """Check that a mistake is one line, and what it says."""
    assert result.exit_code in (1, 2), result.output
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr


@pytest.mark.parametrize(
    ("encoder_of", "memory_of", "said"),
    [
        ((5, 2), (5, 2), "colour has 3, in the weights 5."),
        ((5, 4), (5, 4), "colour has 3, in the weights 5; pattern has 2, in the weights 4."),
        (
            (3, 2, 9),
            (3, 2, 9),
            "have 3 super-categories with 3, 2, 9 values; the workspace has 2: colour (3), "
            "pattern (2).",
        ),
        ((3, 2), (3, 4), "memory_best.pkl is 680 × 7; the encoder's 2 super-categories with 5"),
    ],
)
def test_other_numbers_of_values_are_told(
    run: Run,
    root: Path,
    files: tuple[Path, Path],
    encoder_of: tuple[int, ...],
    memory_of: tuple[int, ...],
    said: str,
) -> None:
    torch.save(encoder(encoder_of), files[0])
    torch.save(memory(memory_of), files[1])
    told(released(run, root, *files), said)
    assert not (root / "models").exists() or not list((root / "models").iterdir())
    assert json.loads(run(root, "info", "--json").stdout)["runs"] == []


class Harmful:
    """Runs when it is unpickled by anyone who lets it."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        """Make unpickling touch a file."""
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("swapped", "The two files are swapped"),
        ("two memories", "is not an encoder of ADDE-M"),
        ("two encoders", "is not a memory of ADDE-M, which is a single matrix"),
        ("pointer", "memory_best.pkl is a Git-LFS pointer"),
        ("cut", "extractor_best.pkl is not a weight file, is damaged"),
        ("absent", "extractor_best.pkl cannot be read: No such file"),
        (
            "harmful",
            "extractor_best.pkl is not a weight file, is damaged, or contains more than tensors",
        ),
        ("another backbone", "no tensor of the shape 8 × 3 × 3 × 3 left for backbone.layer.weight"),
    ],
)
def test_files_that_are_not_the_released_ones_are_told(
    run: Run, root: Path, files: tuple[Path, Path], change: str, said: str
) -> None:
    first, second = files
    mark = root / "mark"
    match change:
        case "swapped":
            first, second = second, first
        case "two memories":
            first = second
        case "two encoders":
            second = first
        case "pointer":
            second.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n")
        case "cut":
            first.write_bytes(first.read_bytes()[:5000])
        case "absent":
            first.unlink()
        case "harmful":
            torch.save({**encoder(), "more": Harmful(mark)}, first)
        case "another backbone":
            torch.save({**encoder(), "their.0": torch.zeros(8, 3, 5, 5)}, first)
    told(released(run, root, first, second), said)
    assert not mark.exists()
    assert json.loads(run(root, "info", "--json").stdout)["runs"] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--system", "amnet"), "--released takes weights of adde-m, not of amnet."),
        ((), "--released takes weights of adde-m, not of datrnet. Add --system adde-m."),
        (("--system", "adde-m", "--epochs", 3), "--released trains nothing, so --epochs has"),
        (("--system", "adde-m", "--triplets", "x"), "so --triplets has no effect."),
        (("--resume",), "--resume continues a run with its own options."),
    ],
)
def test_options_that_do_not_go_with_released_weights_are_told(
    run: Run, root: Path, files: tuple[Path, Path], options: tuple[object, ...], said: str
) -> None:
    told(run(root, "train", "--released", *files, *options), said)


TRAIN_LABELS = ((0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1))
"""Colour and pattern of the toy folder's train items; its single test item is another one."""

TRIPLETS = ((0, 2, 4), (1, 0, 5), (4, 0, 3))


def adde_folder(
    place: Path,
    labels: list[tuple[int, int]],
    triplets: tuple[tuple[int, int, int], ...] = TRIPLETS,
) -> Path:
    """Write a split folder whose train items are the shop's first pictures."""
    folder = place / "splits"
    folder.mkdir()
    counts = [max(column) + 1 for column in zip(*labels, strict=True)]
    rows = [
        [*np.eye(counts[0], dtype=int)[color], *np.eye(counts[1], dtype=int)[pattern]]
        for color, pattern in labels
    ]
    changes = [np.subtract(rows[positive], rows[reference]) for reference, positive, _ in triplets]
    for name, lines in {
        "attr_num.txt": [counts],
        "labels_train.txt": rows,
        "labels_test.txt": rows[:1],
        "triplet_train.txt": triplets,
        "triplet_train_ind.txt": changes,
    }.items():
        (folder / name).write_text("".join(f"{' '.join(map(str, numbers))}\n" for numbers in lines))
    lines = [f"images/{number}.png\n" for number in range(len(labels))]
    (folder / "imgs_train.txt").write_text("".join(lines))
    (folder / "imgs_test.txt").write_text(f"images/{len(labels)}.png\n")
    return folder


def import_adde(run: Run, root: Path, folder: Path, shop: Path) -> Result:
    return run(root, "import", folder, "--format", "adde", "--images", shop.parent)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def splits(run: Run, tmp_path: Path, shop: Path) -> tuple[Path, Path]:
    """A split folder, and a workspace of its items whose codes hold out none of them."""
    folder = adde_folder(tmp_path, list(TRAIN_LABELS))
    assert import_adde(run, tmp_path / "toy", folder, shop).exit_code == 0
    return folder, tmp_path / "toy"


def trained(run: Run, root: Path, config: Path, *more: object) -> Result:
    return run(root, "train", "--config", config, "--system", "adde-m", *more)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[ImageBatch]:
    """Every batch of triplets that ADDE-M is trained on."""
    seen: list[ImageBatch] = []
    joint = AddeM.joint

    def watched(self: AddeM, batch: ImageBatch) -> Tensor:
        seen.append(batch)
        return joint(self, batch)

    monkeypatch.setattr(AddeM, "joint", watched)
    return seen


def labels_of(batches: list[ImageBatch]) -> set[tuple[tuple[int, ...], ...]]:
    """Return the labels of reference, positive and negative of all triplets."""
    return {
        tuple(tuple(vector) for vector in row)
        for batch in batches
        for row in torch.stack(batch.labels.chunk(3), dim=1).tolist()
    }


def test_the_triplets_of_the_folder_are_the_ones_that_are_trained_on(
    run: Run, splits: tuple[Path, Path], config: Path, batches: list[ImageBatch]
) -> None:
    folder, root = splits
    result = trained(run, root, config, "--triplets", folder)
    assert result.exit_code == 0, result.output
    assert "Training on the folder's 3 triplets." in result.stderr
    expected = {tuple(TRAIN_LABELS[number] for number in triplet) for triplet in TRIPLETS}
    assert labels_of(batches) == expected
    assert only_run(root).config.system.settings == {"triplets": str(folder)}


def test_by_default_triplets_are_drawn(
    run: Run, splits: tuple[Path, Path], config: Path, batches: list[ImageBatch]
) -> None:
    _, root = splits
    result = trained(run, root, config)
    assert result.exit_code == 0, result.output
    assert "Training on" not in result.stderr
    assert len(labels_of(batches)) > len(TRIPLETS)
    assert only_run(root).config.system.settings == {}


def test_items_are_known_by_the_end_of_their_pictures_path_and_labeled_as_in_the_workspace(
    run: Run, root: Path, config: Path, tmp_path: Path, batches: list[ImageBatch]
) -> None:
    no_change, like_its_positive, held_out = (0, 6, 1), (0, 1, 7), (0, 1, 12)
    triplets = ((0, 1, 3), no_change, like_its_positive, held_out, (2, 0, 1))
    folder = adde_folder(tmp_path, list(TRAIN_LABELS) * 4, triplets)
    result = trained(run, root, config, "--triplets", folder)
    assert result.exit_code == 0, result.output
    assert "Training on 2 of the folder's 5 triplets. The others have" in result.stderr
    black, blue, red, black_striped = (0, 0), (1, 0), (2, 0), (0, 1)
    assert labels_of(batches) == {(black, red, black_striped), (blue, black, red)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("no triplets", "has no triplets: triplet_train.txt is missing."),
        ("no changes", "has no triplets: triplet_train_ind.txt is missing."),
        ("other items", "No triplet of"),
        ("no folder", "No folder is called"),
        ("another folder", "has no attr_num.txt"),
    ],
)
def test_a_folder_without_triplets_of_the_workspace_is_told_before_there_is_a_run(
    run: Run, splits: tuple[Path, Path], config: Path, change: str, said: str
) -> None:
    folder, root = splits
    match change:
        case "no triplets":
            (folder / "triplet_train.txt").unlink()
            (folder / "triplet_train_ind.txt").unlink()
        case "no changes":
            (folder / "triplet_train_ind.txt").unlink()
        case "other items":
            lines = [f"other/{number}.jpg\n" for number in range(len(TRAIN_LABELS))]
            (folder / "imgs_train.txt").write_text("".join(lines))
        case "no folder":
            shutil.rmtree(folder)
        case "another folder":
            (folder / "attr_num.txt").unlink()
    told(trained(run, root, config, "--triplets", folder), said)
    assert not (root / "models").exists() or not list((root / "models").iterdir())


def test_triplets_that_change_nothing_trained_are_told(
    run: Run, splits: tuple[Path, Path], config: Path
) -> None:
    folder, root = splits
    (folder / "triplet_train.txt").write_text("0 1 2\n")
    (folder / "triplet_train_ind.txt").write_text("0 0 0 -1 1\n")
    options = ("--triplets", folder, "--super-category", "attribute 1")
    told_at = trained(run, root, config, *options)
    assert told_at.exit_code == 1
    assert "No triplet of" in told_at.stderr
    assert "Traceback" not in told_at.output


def test_triplets_are_of_adde_m_only(run: Run, root: Path, config: Path) -> None:
    result = run(root, "train", "--config", config, "--system", "amnet", "--triplets", "x")
    told(result, "--triplets is for adde-m; amnet samples its own.")
    with Workspace(root).open_store() as store:
        assert Catalog.load(store).num_items == 48
