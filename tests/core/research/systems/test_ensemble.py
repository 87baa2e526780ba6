"""DAtRNet beyond the paper."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from datrnet.core.config import Config
from datrnet.core.research.systems.datrnet_ensemble import (
    DatrnetEnsemble,
    DatrnetEnsembleConfig,
)
from datrnet.core.research.systems.method import ImageBatch, TrainingSet
from datrnet.core.research.systems.registry import config_of
from datrnet.core.retrieval.manipulation import unlabeled_of

TINY = DatrnetEnsembleConfig(channels=4, hidden=8, embedding_size=6, members=2)


@pytest.fixture
def unlabeled_in_part(squares: Any) -> TrainingSet:
    labels = squares.labels.copy()
    labels[::3, 1] = -1
    images = squares.images
    return TrainingSet(labels=labels, images=lambda rows: images[torch.from_numpy(rows)])


def make(backbone: Any, num_values: tuple[int, ...], config: DatrnetEnsembleConfig) -> Any:
    torch.manual_seed(0)
    return DatrnetEnsemble(backbone, num_values, config).eval()


def test_embeddings_and_learned_prototypes_have_length_1(
    backbone: Any, squares: Any, num_values: tuple[int, ...], unlabeled_in_part: TrainingSet
) -> None:
    system = make(backbone, num_values, TINY)
    system.set_shares(unlabeled_in_part)
    with torch.inference_mode():
        blocks = system(squares.images[:4])
    torch.testing.assert_close(blocks.norm(dim=2), torch.ones(4, 2))
    manipulation = system.manipulation(unlabeled_in_part)
    assert not manipulation.are_means
    for idx, num in enumerate(num_values):
        assert manipulation.prototypes_of(idx).shape == (num, 12)
        np.testing.assert_allclose(np.linalg.norm(manipulation.prototypes_of(idx), axis=1), 1, 1e-5)
    assert np.isnan(unlabeled_of(manipulation, 0)).all(), "all items have a color"
    assert np.linalg.norm(unlabeled_of(manipulation, 1)) == pytest.approx(1)


def test_a_value_that_no_item_carries_has_no_prototype(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    colors, sizes = num_values
    system = make(backbone, (colors + 1, sizes), TINY)
    system.set_shares(squares.training_set)
    prototypes = system.manipulation(squares.training_set).prototypes_of(0)
    assert np.isnan(prototypes[-1]).all()
    assert np.isfinite(prototypes[:-1]).all()
    labels = torch.from_numpy(squares.labels[:8].astype(np.int64))
    loss = system.loss(ImageBatch(images=squares.images[:8], labels=labels))
    assert torch.isfinite(loss)


def test_the_loss_is_the_cross_entropy_with_the_shares_of_values_and_of_none(
    backbone: Any, squares: Any, num_values: tuple[int, ...], unlabeled_in_part: TrainingSet
) -> None:
    config = DatrnetEnsembleConfig(
        channels=4, hidden=8, embedding_size=6, members=1, smoothing=0, temperature=0.5
    )
    system = make(backbone, num_values, config)
    system.set_shares(unlabeled_in_part)
    labels = torch.from_numpy(unlabeled_in_part.labels[:7].astype(np.int64))
    images = squares.images[:7]
    blocks = system(images)
    expected = torch.zeros(())
    for idx, num in enumerate(num_values):
        column = unlabeled_in_part.labels[:, idx]
        shares = np.array(
            [*(np.mean(column == value) for value in range(num)), (column < 0).mean()]
        )
        prototypes = F.normalize(system.members[0].prototypes[idx])
        logits = blocks[:, idx] @ prototypes.T / 0.5 + torch.from_numpy(shares).float().log()
        targets = torch.where(labels[:, idx] < 0, num, labels[:, idx])
        expected = expected + F.cross_entropy(logits, targets)
    found = system.loss(ImageBatch(images=images, labels=labels))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_cached_features_embed_as_their_pictures_do(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    system = make(backbone, num_values, TINY)
    images = squares.images[:3]
    with torch.inference_mode():
        torch.testing.assert_close(system(system.features(images)), system(images))


@pytest.mark.parametrize("change", [{"attention": ()}, {"separate": False}])
def test_controls_embed_alike(
    backbone: Any, squares: Any, num_values: tuple[int, ...], change: dict[str, Any]
) -> None:
    config = DatrnetEnsembleConfig(channels=4, hidden=8, embedding_size=6, members=1, **change)
    with torch.inference_mode():
        assert make(backbone, num_values, config)(squares.images[:2]).shape == (2, 2, 6)


def test_the_config_best_makes_it() -> None:
    config = Config.load("best")
    assert isinstance(config_of(config.system), DatrnetEnsembleConfig)
    assert config.system.frozen
    assert config.index.ranking == "match"


def test_what_is_trained_stays_finite_where_a_value_has_no_item(
    backbone: Any, squares: Any, num_values: tuple[int, ...]
) -> None:
    colors, sizes = num_values
    system = make(backbone, (colors + 1, sizes), TINY)
    system.set_shares(squares.training_set)
    (stage,) = system.stages()
    tensors = [t for module in stage.trainable for t in module.state_dict().values()]
    assert all(tensor.isfinite().all() for tensor in tensors)
