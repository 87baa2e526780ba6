"""The mined loss equals a slow plain loop over triplets."""

import itertools
from collections.abc import Sequence

import pytest
import torch

from datrnet.core.config import Mining, TrainConfig
from datrnet.core.errors import ConfigError
from datrnet.core.training.triplets import MinedTripletLoss, Objective


def plain_loss(
    embeddings: torch.Tensor, sets: Sequence[set[int]], mining: Mining, power: int
) -> float:
    margin, places = 0.5, range(len(sets))
    near = [[(embeddings[i] - embeddings[j]).norm().item() for j in places] for i in places]
    violations = []
    if mining == "all":
        third = len(sets) // 3
        triplets = [(i, i + third, i + 2 * third) for i in range(third)]
        terms = [
            max(0.0, margin + near[a][p] ** power - near[a][n] ** power) for a, p, n in triplets
        ]
        return sum(terms) / len(terms)
    for a in places:
        positives = [p for p in places if p != a and sets[p] & sets[a]]
        negatives = [n for n in places if not sets[n] & sets[a]]
        if not positives or not negatives:
            continue
        pairs = itertools.product(positives, negatives)
        if mining == "batch_hard":
            pairs = iter(
                [(max(positives, key=near[a].__getitem__), min(negatives, key=near[a].__getitem__))]
            )
        for p, n in pairs:
            gap = near[a][n] ** power - near[a][p] ** power
            if mining == "semi_hard" and not 0 < gap <= margin:
                continue
            violations.append(max(0.0, margin - gap))
    above = [violation for violation in violations if violation > 0]
    return sum(above) / len(above) if above else 0.0


@pytest.mark.parametrize("mining", ["all", "violating", "semi_hard", "batch_hard"])
@pytest.mark.parametrize("squared", [False, True])
def test_loss_equals_the_plain_loop(mining: Mining, squared: bool) -> None:
    torch.manual_seed(3)
    embeddings = torch.nn.functional.normalize(torch.randn(12, 5))
    labels = [0, 1, 2, 0, 0, 1, 2, 0, 1, 2, 0, 2]
    loss = MinedTripletLoss(TrainConfig(squared_distance=squared, margin=0.5), mining)
    expected = plain_loss(embeddings, [{label} for label in labels], mining, 2 if squared else 1)
    assert loss(embeddings, torch.tensor(labels)).item() == pytest.approx(expected, rel=1e-4)
    sets = [[label, (label + number % 2) % 4] for number, label in enumerate(labels)]
    expected = plain_loss(embeddings, [{*own} for own in sets], mining, 2 if squared else 1)
    assert loss(embeddings, torch.tensor(sets)).item() == pytest.approx(expected, rel=1e-4)


def test_a_batch_without_violations_costs_nothing_and_has_a_gradient() -> None:
    embeddings = torch.tensor([[1.0, 0], [1, 0], [-1, 0]], requires_grad=True)
    loss = MinedTripletLoss(TrainConfig(), "violating")(embeddings, torch.tensor([0, 0, 1]))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0


def test_the_proxy_loss_is_a_softmax_over_cosines_and_is_added_by_its_weight() -> None:
    torch.manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(6, 5))
    labels = torch.tensor([0, 1, 0, 1, 2, 2])
    config = TrainConfig(proxy_weight=2.0, proxy_temperature=0.5, warmup_mining="violating")
    objective = Objective(config, num_values=3, embedding_size=5)
    (proxies,) = objective.parameters()
    cosines = embeddings @ torch.nn.functional.normalize(proxies, dim=0)
    proxy_loss = torch.nn.functional.cross_entropy(cosines / 0.5, labels)
    triplet_loss = MinedTripletLoss(config, "violating")(embeddings, labels)
    total, told = objective(embeddings, labels, warming_up=True)
    torch.testing.assert_close(told, triplet_loss)
    torch.testing.assert_close(total, triplet_loss + 2 * proxy_loss)


def test_without_a_proxy_weight_nothing_but_triplets_counts() -> None:
    config = TrainConfig(proxy_weight=0.0, mining="semi_hard")
    objective = Objective(config, num_values=3, embedding_size=5)
    embeddings = torch.nn.functional.normalize(torch.randn(6, 5))
    labels = torch.tensor([0, 1, 0, 1, 2, 2])
    assert list(objective.parameters()) == []
    total, told = objective(embeddings, labels, warming_up=False)
    assert total == told == MinedTripletLoss(config, "semi_hard")(embeddings, labels)


def test_without_a_triplet_weight_the_proxies_alone_count() -> None:
    config = TrainConfig(triplet_weight=0.0, proxy_weight=2.0)
    objective = Objective(config, num_values=3, embedding_size=5)
    embeddings = torch.nn.functional.normalize(torch.randn(6, 5))
    labels = torch.tensor([0, 1, 0, 1, 2, 2])
    total, told = objective(embeddings, labels, warming_up=False)
    assert told is None
    torch.testing.assert_close(total, 2 * objective.proxies(embeddings, labels))
    with pytest.raises(ConfigError, match="leaves nothing to learn from"):
        TrainConfig(triplet_weight=0.0)


def test_an_image_with_several_values_is_drawn_to_the_proxy_of_each() -> None:
    torch.manual_seed(0)
    embeddings = torch.nn.functional.normalize(torch.randn(3, 5))
    config = TrainConfig(proxy_weight=1.0, mining="all")
    objective = Objective(config, num_values=3, embedding_size=5)
    total, triplet_loss = objective(
        embeddings, torch.tensor([[0, 1], [0, 0], [2, 2]]), warming_up=False
    )
    proxy_loss = objective.proxies(embeddings[[0, 1, 2, 0]], torch.tensor([0, 0, 2, 1]))
    torch.testing.assert_close(total - triplet_loss, proxy_loss)
