"""Every system learns colored squares, and its manipulation is what its loss was computed with."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from datrnet.core.config import SystemChoice
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.networks import make_backbone
from datrnet.core.research.systems.adde_m import AddeConfig, AddeM
from datrnet.core.research.systems.amnet import AMNet, AMNetConfig
from datrnet.core.research.systems.attribute_based import AttributeBasedConfig
from datrnet.core.research.systems.datrnet_ensemble import DatrnetEnsembleConfig
from datrnet.core.research.systems.datrnet_on_backbone import DatrnetOnBackboneConfig
from datrnet.core.research.systems.fashionsearchnet import (
    FashionSearchNet,
    FashionSearchNetConfig,
    drawn_triplets,
)
from datrnet.core.research.systems.method import MethodConfig, RetrievalMethod
from datrnet.core.research.systems.registry import METHODS, config_of

TINY_NET = FashionSearchNetConfig(
    conv_channels=(16, 32), region_size=3, branch_sizes=(32, 32, 16), global_share=0.15
)
TINY: dict[str, MethodConfig] = {
    "attribute-based": AttributeBasedConfig(),
    "amnet": AMNetConfig(feature_size=32, head_size=32),
    "fashionsearchnet-without-loc": replace(TINY_NET, localized=False),
    "fashionsearchnet": TINY_NET,
    "adde-m": AddeConfig(embedding_size=16),
    "datrnet-on-backbone": DatrnetOnBackboneConfig(channels=4, embedding_size=16),
    "datrnet-ensemble": DatrnetEnsembleConfig(channels=4, hidden=16, embedding_size=16, members=1),
}
NUM_STEPS = {"amnet": 400, "datrnet-ensemble": 60}
"""Steps until a system has learned the squares, where they are not 140."""
BLOCKS = {
    "attribute-based": (2, 3),
    "amnet": (1, 32),
    "fashionsearchnet-without-loc": (2, 16),
    "fashionsearchnet": (2, 16),
    "adde-m": (2, 16),
    "datrnet-on-backbone": (2, 16),
    "datrnet-ensemble": (2, 16),
}


def make_method(
    name: str, backbone: Any, num_values: tuple[int, ...], config: MethodConfig | None = None
) -> RetrievalMethod:
    method, default = METHODS[name]
    return method(backbone, num_values, config or default)


def some_weights(system: RetrievalMethod) -> RetrievalMethod:
    """Give every parameter some value, those that begin at 0 too."""
    torch.manual_seed(3)
    for parameter in system.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return system.eval()


@pytest.mark.parametrize("name", METHODS)
def test_a_system_embeds_pictures_as_its_blocks(
    name: str, backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    system = make_method(name, backbone, num_values, TINY[name])
    assert system.name == name
    with torch.inference_mode():
        blocks = system.eval()(squares.images[:5])
    assert blocks.shape == (5, *BLOCKS[name])
    assert blocks.dtype == torch.float32
    stages = system.stages()
    assert sum(stage.share for stage in stages) == pytest.approx(1)
    learned = {id(parameter) for stage in stages for parameter in system.enter(stage)}
    assert learned == {id(parameter) for parameter in system.parameters()}, (
        "something is never learned"
    )


@pytest.mark.parametrize("name", METHODS)
def test_a_system_learns_squares_and_finds_the_wanted_one(
    name: str,
    backbone: Any,
    squares: Any,
    other_squares: Any,
    num_values: tuple[int, ...],
    train: Callable[..., dict[str, list[float]]],
    accuracy: Callable[..., float],
) -> None:
    system = make_method(name, backbone, num_values, TINY[name])
    untrained = accuracy(system.eval(), squares, other_squares)
    losses = train(system, squares, NUM_STEPS.get(name, 140))
    for stage, course in losses.items():
        assert np.mean(course[-5:]) < np.mean(course[:5]), stage
    first = losses[system.stages()[0].name]
    assert np.mean(first[-5:]) < 0.5 * np.mean(first[:5])
    assert accuracy(system, squares, other_squares) > max(0.95, untrained + 0.3)


@pytest.fixture(scope="module")
def alexnet() -> Backbone:
    return make_backbone("alexnet", image_size=64)


@pytest.mark.parametrize("name", METHODS)
def test_a_system_stands_on_a_real_backbone(
    name: str, alexnet: Backbone, num_values: tuple[int, ...]
) -> None:
    system = make_method(name, alexnet, num_values, TINY[name]).eval()
    with torch.inference_mode():
        assert system(torch.rand(2, 3, 64, 64)).shape == (2, *BLOCKS[name])


@pytest.mark.parametrize("name", METHODS)
def test_losses_are_whole_precision_under_a_lower_one(
    name: str, backbone: Any, squares: Any, num_values: tuple[int, ...], triplets: Any
) -> None:
    system = make_method(name, backbone, num_values, TINY[name])
    for stage in system.stages():
        if stage.on_start is not None:
            stage.on_start(squares.training_set)
        system.enter(stage)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = stage.loss(triplets)  # its pictures serve as a batch of pictures too
        loss.backward()
        assert loss.dtype == torch.float32
        assert loss.isfinite()


@pytest.mark.parametrize("name", METHODS)
def test_sets_of_one_value_are_learned_as_labels_and_larger_ones_otherwise(
    name: str, backbone: Any, squares: Any, num_values: tuple[int, ...], triplets: Any
) -> None:
    system = make_method(name, backbone, num_values, TINY[name])
    sets = triplets.labels[:, :, None].repeat(1, 1, 2)
    larger = sets.clone()
    larger[::2, 0, 1] = (sets[::2, 0, 0] + 1) % num_values[0]
    for stage in system.stages():
        if stage.on_start is not None:
            stage.on_start(squares.training_set)
        system.enter(stage)
        system.eval()  # dropout would tell the batches apart
        losses = []
        for all_values in (None, sets, larger):
            torch.manual_seed(0)
            losses.append(stage.loss(replace(triplets, all_values=all_values)))
        torch.testing.assert_close(losses[0], losses[1])
        assert losses[2].isfinite()


def changes_of(squares: Any) -> tuple[Any, ...]:
    rows, targets, changed = squares.changes
    rows, targets, changed = rows[::7], targets[::7], changed[::7]
    labels = squares.labels[rows].copy()
    labels[::5, 0] = -1  # some have no colour
    as_tensors = [torch.from_numpy(array) for array in (labels, targets)]
    return (
        squares.images[rows],
        (labels, targets, changed),
        (*(array.long() for array in as_tensors), torch.from_numpy(changed)),
    )


def test_addition_is_what_adde_m_computes(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    system = some_weights(AddeM(backbone, num_values, AddeConfig(embedding_size=4)))
    assert isinstance(system, AddeM)
    images, arrays, tensors = changes_of(squares)
    with torch.inference_mode():
        blocks = system(images)
        labels, targets, changed = tensors
        changed = system.changed_blocks(blocks, labels, targets.where(changed, labels))
        expected = F.normalize(changed.flatten(1))
    manipulation = system.manipulation(squares.training_set)
    queries, factors = manipulation.apply(blocks.numpy(), *arrays)
    np.testing.assert_allclose(queries.reshape(len(queries), -1), expected, atol=1e-5)
    assert (factors == 1).all()


def test_an_exchange_takes_off_the_own_value_only_where_there_is_one(backbone: Any) -> None:
    system = AddeM(backbone, (3, 2), AddeConfig(embedding_size=1))
    columns = torch.tensor([[1.0, 2, 4, 8, 16], [32, 64, 128, 256, 512]])
    system.memory.fill(columns.T.numpy())
    labels, targets = torch.tensor([[0, 1], [-1, 1]]), torch.tensor([[2, 1], [1, 1]])
    changed = system.changed_blocks(torch.zeros(2, 2, 1), labels, targets)
    assert changed.flatten(1).tolist() == [[4 - 1, 128 - 32], [2, 64]]


def test_fusion_is_what_amnet_computes(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    system = some_weights(AMNet(backbone, num_values, AMNetConfig()))
    assert isinstance(system, AMNet)
    images, arrays, (_, targets, changed) = changes_of(squares)
    with torch.inference_mode():
        feature = system.feature(images)
        expected = F.normalize(system.changed_feature(feature, targets, changed))
        blocks = system(images)
    manipulation = system.manipulation(squares.training_set)
    queries, factors = manipulation.apply(blocks.numpy(), *arrays)
    np.testing.assert_allclose(queries[:, 0], expected, atol=1e-5)
    assert (factors == 1).all()


def test_weighted_replacement_is_what_fashionsearchnet_ranks_with(
    backbone: Any, squares: Any, num_values: tuple[int, ...], triplets: Any
) -> None:
    system = some_weights(FashionSearchNet(backbone, num_values, TINY_NET))
    assert isinstance(system, FashionSearchNet)
    system.set_prototypes(squares.training_set)
    with torch.inference_mode():
        expected = system.global_ranking(triplets).item()
        own, *others = (blocks.numpy() for blocks in system(triplets.images).chunk(3))
    manipulation = system.manipulation(squares.training_set)
    labels, targets, _ = triplets.labels.numpy().astype(np.int16).reshape(3, -1, 2)
    queries, factors = manipulation.apply(own, labels, targets, labels != targets)
    near, far = (
        np.sqrt((((queries - blocks) ** 2).sum(axis=2) * factors).sum(axis=1)) for blocks in others
    )
    loss = np.mean(2 / (1 + np.exp(far - near)) ** 2)
    assert loss == pytest.approx(expected, abs=1e-5)
    assert (factors >= 0).all()
    assert not np.allclose(factors, 1)


def test_replacement_compares_predictions_with_the_wanted_one_hot(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    system = some_weights(make_method("attribute-based", backbone, num_values))
    with torch.inference_mode():
        blocks = system(squares.images[:4]).numpy()
    np.testing.assert_allclose(blocks.sum(axis=2), 1, rtol=1e-5)
    assert not blocks[:, 1, 2:].any(), "what two values do not fill is 0"
    targets, changed = np.array([[2, 0]] * 4, dtype=np.int16), np.array([[True, False]] * 4)
    manipulation = system.manipulation(squares.training_set)
    queries, _ = manipulation.apply(blocks, squares.labels[:4], targets, changed)
    assert queries[:, 0].tolist() == [[0, 0, 1]] * 4
    np.testing.assert_array_equal(queries[:, 1], blocks[:, 1])


def test_hard_predictions_differ_by_whole_values(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    soft = some_weights(make_method("attribute-based", backbone, num_values))
    hard = make_method("attribute-based", backbone, num_values, AttributeBasedConfig(hard=True))
    hard.load_state_dict(soft.state_dict())
    with torch.inference_mode():
        blocks, likely = hard.eval()(squares.images[:9]), soft(squares.images[:9]).argmax(dim=2)
    assert torch.equal(blocks, F.one_hot(likely, 3).float())


def test_localization_looks_at_the_square(
    backbone: Any,
    squares: Any,
    other_squares: Any,
    num_values: tuple[int, ...],
    train: Callable[..., dict[str, list[float]]],
) -> None:
    system = make_method("fashionsearchnet", backbone, num_values, TINY_NET)
    assert isinstance(system, FashionSearchNet)
    train(system, squares, 140)
    with torch.inference_mode():
        maps, boxes, values = system.localize(other_squares.images)
    assert maps.shape == (96, 2, 4, 4)
    assert (values.numpy() == other_squares.labels).mean() > 0.9
    colour, square = boxes[:, 0].numpy(), other_squares.boxes
    middle = (colour[:, :2] + colour[:, 2:]) / 2
    # a cell of the map is a quarter of the picture, beside which it may be by two thirds of one
    inside = (middle >= square[:, :2] - 1 / 6) & (middle <= square[:, 2:] + 1 / 6)
    assert inside.all(axis=1).mean() > 0.9


def test_localization_changes_nothing_but_what_the_branches_see(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    located = some_weights(make_method("fashionsearchnet", backbone, num_values, TINY_NET))
    without = make_method(
        "fashionsearchnet", backbone, num_values, replace(TINY_NET, localized=False)
    ).eval()
    assert isinstance(located, FashionSearchNet)
    without.load_state_dict(located.state_dict())
    images = squares.images[:6]
    with torch.inference_mode():
        assert not torch.allclose(located(images), without(images))
        for head in located.map_heads.heads:  # a map without any evidence has no region
            torch.nn.init.zeros_(head.weight)
        torch.testing.assert_close(located(images), without(images))


def test_drawn_triplets_are_of_one_value_and_another() -> None:
    torch.manual_seed(0)
    labels = torch.tensor([0, 0, 1, 1, -1, 2, -1])
    for _ in range(50):
        anchors, positives, negatives = drawn_triplets(labels)
        assert anchors.tolist() == [0, 1, 2, 3]
        assert (labels[positives] == labels[anchors]).all()
        assert (positives != anchors).all()
        assert (labels[negatives] != labels[anchors]).all()
        assert (labels[negatives] >= 0).all()
    assert len(drawn_triplets(torch.tensor([-1, -1, 3]))[0]) == 0


def test_a_global_stage_learns_weights_and_nothing_else(
    backbone: Any, num_values: tuple[int, ...]
) -> None:
    system = make_method("fashionsearchnet", backbone, num_values, TINY_NET)
    last = system.stages()[-1]
    (weights,) = system.enter(last)
    assert weights.shape == (2, 2)
    assert [name for name, module in system.named_modules() if module.training] == ["weights"]


def test_the_memory_of_adde_m_begins_in_its_own_blocks(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    system = AddeM(backbone, num_values, AddeConfig(embedding_size=4, memory_items=200)).eval()
    system.fill_memory(squares.training_set)
    weight = system.memory.weight.detach()
    assert not weight[:4, 3:].any()
    assert not weight[4:, :3].any()
    blocks = squares.training_set.embed(system)
    for value in range(3):
        mean = blocks[squares.labels[:, 0] == value, 0].mean(axis=0)
        np.testing.assert_allclose(weight[:4, value], mean, atol=0.02)


def adde_terms(system: AddeM, batch: Any, **weights: Any) -> float:
    """Return the joint loss with only some of its terms."""
    none = {
        "classification_weight": 0.0,
        "ranking_weight": 0.0,
        "consistency": False,
        "block_diagonal": False,
    }
    system.config = replace(system.config, **{**none, **weights})
    with torch.inference_mode():
        return float(system.joint(batch))


def test_the_joint_loss_of_adde_m_is_its_terms(
    backbone: Any, triplets: Any, num_values: tuple[int, ...]
) -> None:
    system = AddeM(backbone, num_values, AddeConfig(embedding_size=4))
    some_weights(system)
    memory = system.memory.weight.detach()
    off = memory[:4, 3:].abs().sum() + memory[4:, :3].abs().sum()
    assert adde_terms(system, triplets) == 0
    assert adde_terms(system, triplets, block_diagonal=True) == pytest.approx(0.4 * float(off))

    with torch.inference_mode():
        reference, positive, negative = (system(images) for images in triplets.images.chunk(3))
        own, wanted, other = triplets.labels.chunk(3)
        changed = reference.flatten(1).clone()
        sums = {}
        for name, labels in {"own": own, "wanted": wanted, "not": other}.items():
            sums[name] = memory.T[labels[:, 0]] + memory.T[3 + labels[:, 1]]
        changed += sums["wanted"] - sums["own"]
        gaps = [
            sums["wanted"] - changed,
            sums["own"] - reference.flatten(1),
            sums["not"] - negative.flatten(1),
        ]
        consistency = sum(float(gap.abs().mean()) for gap in gaps)
        crosses = 0.0
        for blocks, labels in (
            (reference, own),
            (positive, wanted),
            (negative, other),
            (changed.view_as(reference), wanted),
        ):
            for idx, head in enumerate(system.classifiers.heads):
                crosses += float(F.cross_entropy(head(blocks[:, idx]), labels[:, idx]))
    assert adde_terms(system, triplets, consistency=True) == pytest.approx(consistency, rel=1e-4)
    classified = adde_terms(system, triplets, classification_weight=0.2)
    assert classified == pytest.approx(0.2 * crosses, rel=1e-4)


def test_an_unknown_system_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean adde-m"):
        config_of(SystemChoice(name="adde_m", backbone="alexnet"))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: AMNetConfig(margin=0), "margin is 0"),
        (lambda: AMNetConfig(classification_share=1.0), "classification_share 1.0"),
        (lambda: FashionSearchNetConfig(classification_share=0.6, global_share=0.5), "below 1"),
        (lambda: FashionSearchNetConfig(branch_sizes=(8, 0, 8)), "layer of 0"),
        (lambda: AddeConfig(memory_items=0), "memory_items is 0"),
    ],
)
def test_a_config_out_of_range_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()
