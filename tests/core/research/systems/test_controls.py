"""Classifiers as controls, and what makes the systems see and learn alike."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from datrnet.core.errors import ConfigError
from datrnet.core.research.systems.attribute_based import AttributeBased, AttributeBasedConfig
from datrnet.core.research.systems.datrnet_on_backbone import (
    DatrnetOnBackbone,
    DatrnetOnBackboneConfig,
)
from datrnet.core.research.systems.fashionsearchnet import FashionSearchNet, FashionSearchNetConfig
from datrnet.core.research.systems.method import RetrievalMethod

ON_BACKBONE = DatrnetOnBackboneConfig(channels=4, embedding_size=16)
CLASSIFIER = replace(ON_BACKBONE, objective="classification")


@pytest.fixture
def attribute_based(backbone: Any, num_values: tuple[int, ...]) -> AttributeBased:
    config = AttributeBasedConfig(blocks="logits")
    return AttributeBased(backbone, num_values, config).eval()


@pytest.fixture
def classifier(backbone: Any, num_values: tuple[int, ...]) -> DatrnetOnBackbone:
    config = replace(CLASSIFIER, blocks="logits")
    return DatrnetOnBackbone(backbone, num_values, config).eval()


@pytest.mark.parametrize("name", ["attribute_based", "classifier"])
def test_logits_are_what_the_loss_takes_and_one_hots_ask_for_a_value(
    name: str, request: pytest.FixtureRequest, squares: Any, triplets: Any
) -> None:
    system: RetrievalMethod = request.getfixturevalue(name)
    with torch.inference_mode():
        blocks = system(triplets.images)
        loss = system.stages()[0].loss(triplets)
    assert blocks.shape == (48, 2, 3)
    assert not blocks[:, 1, 2:].any(), "what two values do not fill is 0"
    expected = F.cross_entropy(blocks[:, 0], triplets.labels[:, 0])
    expected += F.cross_entropy(blocks[:, 1, :2], triplets.labels[:, 1])
    torch.testing.assert_close(loss, expected)
    manipulation = system.manipulation(squares.training_set)
    assert not manipulation.are_means
    assert manipulation.prototypes_of(1).tolist() == [[1, 0, 0], [0, 1, 0]]


def test_a_classifier_on_datrnets_network_is_compared_by_embeddings_of_length_1(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    system = DatrnetOnBackbone(backbone, num_values, CLASSIFIER).eval()
    with torch.inference_mode():
        blocks = system(squares.images[:5])
    assert blocks.shape == (5, 2, 16)
    torch.testing.assert_close(blocks.norm(dim=2), torch.ones(5, 2))
    assert system.manipulation(squares.training_set).are_means


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="without a classifier there are none"):
        DatrnetOnBackboneConfig(blocks="logits")
    with pytest.raises(ConfigError, match="hard compares values, not logits"):
        AttributeBasedConfig(hard=True, blocks="logits")


def test_the_networks_of_datrnet_on_a_backbone_share_nothing_but_a_pass(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    system = DatrnetOnBackbone(backbone, num_values, ON_BACKBONE).eval()
    with torch.inference_mode():
        feature_map = backbone.feature_map(squares.images[:5])
        whole = torch.cat([feature_map.mean(dim=(2, 3)), feature_map.amax(dim=(2, 3))], dim=1)
        blocks = [
            F.normalize(network(network.first(feature_map), whole))
            for network in system.networks.heads
        ]
        torch.testing.assert_close(system(squares.images[:5]), torch.stack(blocks, dim=1))
    assert [name for name in system.state_dict() if name.endswith("narrow.0.weight")] == [
        "networks.heads.0.narrow.0.weight",
        "networks.heads.1.narrow.0.weight",
    ]


def test_the_last_stage_of_fashionsearchnet_has_its_own_rate(
    backbone: Any, num_values: tuple[int, ...]
) -> None:
    default = FashionSearchNetConfig(conv_channels=(8, 8), branch_sizes=(8, 8, 8))
    own = replace(default, global_learning_rate=0.05)
    rates = [
        [stage.learning_rate for stage in FashionSearchNet(backbone, num_values, config).stages()]
        for config in (default, own)
    ]
    setting = ("system.settings.global_learning_rate", 0.05)
    assert rates == [[None, None, None], [None, None, setting]]
