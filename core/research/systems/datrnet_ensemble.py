"""DAtRNet beyond the paper: what the config ``best`` trains.

The frozen trunk's features of all resolutions and of the picture's colors join the attended map of
each super-category. Embeddings are trained to be classified by their distances to learned
prototypes, where "no label" is a value like any other: a shop leaves cells empty for a reason. What
a change puts into a block is the learned prototype. Several networks with their own random weights
give one embedding, the concatenation of theirs.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datrnet.core.config import Attention, ModelConfig, above_zero, at_least
from datrnet.core.errors import ConfigError
from datrnet.core.models.datrnet import ASE
from datrnet.core.research.backbones.backbone import Backbone, Frozen
from datrnet.core.research.backbones.colors import garment_histograms
from datrnet.core.research.systems.method import (
    Heads,
    ImageBatch,
    MethodConfig,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
)
from datrnet.core.retrieval.manipulation import Replacement

ATTENDED_STRIDE = 16
"""Stride of the map that ASE modules see, in pixels."""

ATTENDED_SIDE = 7
"""Largest height and width of that map: a larger one is pooled."""

PICTURE_SIDE = 16
"""Side of the small picture among the features."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatrnetEnsembleConfig(MethodConfig):
    """DAtRNet beyond the paper."""

    channels: int = 16
    """Channels of the map before the ASE, which doubles them."""
    hidden: int = 128
    """Units of the dense layer of a super-category."""
    embedding_size: int = 64
    """Length of the embedding of a super-category by one network."""
    members: int = 3
    """Networks whose embeddings are concatenated."""
    dropout: float = 0.25
    """Dropout in the dense layer."""
    feature_dropout: float = 0.1
    """Dropout of the features."""
    temperature: float = 0.06
    """What the cosines of an embedding and the prototypes are divided by."""
    smoothing: float = 0.05
    """Probability that a label is wrong, shared by all values."""
    attention: tuple[Attention, ...] = ("channel", "height", "width")
    """The masks of the ASE modules; () is the control without attention."""
    separate: bool = True
    """Whether each super-category has a dense layer and an ASE of its own. The control shares
    layers of about the same size; only the last one is a super-category's own."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, channels=4, hidden=1, embedding_size=1, members=1)
        above_zero(self, "temperature")
        for name in ("dropout", "feature_dropout", "smoothing"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; it must be at least 0 and below 1."
                )


class DatrnetEnsemble(RetrievalMethod):
    """f_t(x) = [f_t1(x); …; f_tM(x)] / √M of M networks, each f_tm of length 1."""

    name = "datrnet-ensemble"
    feature_kind = "own"
    config: DatrnetEnsembleConfig
    log_shares: Tensor
    """(T, V + 1): logarithms of the shares of the values, then of unlabeled items; -inf for values
    that no item carries."""

    def __init__(
        self, backbone: Backbone, num_values: tuple[int, ...], config: DatrnetEnsembleConfig
    ) -> None:
        super().__init__(backbone, num_values, config)
        with torch.no_grad():
            blank = torch.zeros(1, 3, backbone.image_size, backbone.image_size)
            self._map_shape = tuple(self._attended(self._maps(blank), blank).shape[1:])
            num_features = self.features(blank).shape[1] - math.prod(self._map_shape)
        self.members = nn.ModuleList(
            Member(num_features, self._map_shape, num_values, config) for _ in range(config.members)
        )
        shares = torch.zeros(len(num_values), max(num_values) + 1)
        self.register_buffer("log_shares", shares)

    def features(self, images: Tensor) -> Tensor:
        """Return the attended map and all features of images (B, 3, S, S), flat: (B, D).

        Features are means and maxima of the trunk's maps of all resolutions, the picture at 16 × 16
        pixels, and its colors.
        """
        maps = self._maps(images)
        pooled = [pool for each in maps for pool in (each.mean(dim=(2, 3)), each.amax(dim=(2, 3)))]
        small = F.adaptive_avg_pool2d(images, PICTURE_SIDE)
        with torch.no_grad():
            colors = garment_histograms(images)
        attended = self._attended(maps, images)
        return torch.cat([attended.flatten(1), *pooled, small.flatten(1), colors], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Embed images: (B, T, M·E), each block of length 1."""
        return self._joined([*self._embedded(images)])

    def stages(self) -> tuple[MethodStage, ...]:
        """Return the only stage, of all networks."""
        trained = (self.backbone, self.members)  # not the shares, of which some are infinite
        return (MethodStage("embedding", 1, "images", self.loss, trained, self.set_shares),)

    def set_shares(self, training_set: TrainingSet) -> None:
        """Count how often the training items carry each value, and how often none."""
        for idx, num in enumerate(self.num_values):
            values = training_set.value_sets[:, idx]
            counts = torch.bincount(torch.from_numpy(values[values >= 0]).long(), minlength=num)
            unlabeled = torch.tensor([(values[:, 0] < 0).sum()])
            shares = torch.cat([counts, unlabeled]).float()
            self.log_shares[idx, : num + 1] = (shares / shares.sum()).log()

    def loss(self, batch: ImageBatch) -> Tensor:
        """Return the cross entropies of all networks and super-categories.

        The probability of a value is that of ``core/retrieval/calibration.py``: with its share and
        its distance.
        """
        losses = []
        for blocks, member in zip(self._embedded(batch.images), self._networks(), strict=True):
            for idx, (block, prototypes) in enumerate(
                zip(blocks.unbind(1), member.prototypes, strict=True)
            ):
                shares = self.log_shares[idx, : len(prototypes)]
                logits = block @ F.normalize(prototypes).T / self.config.temperature + shares
                losses.append(self._cross_entropy(logits, batch.value_sets[:, idx]))
        return torch.stack(losses).sum() / len(self.members)

    def manipulation(self, training_set: TrainingSet) -> Replacement:
        """Return the replacement of blocks by learned prototypes."""
        prototypes, unlabeled = [], []
        for idx in range(len(self.num_values)):
            learned = [F.normalize(member.prototypes[idx]) for member in self._networks()]
            joined = self._joined(learned).float()
            joined[self.log_shares[idx, : len(joined)].isinf()] = torch.nan
            entries = joined.detach().cpu().numpy()
            prototypes.append(entries[:-1])
            unlabeled.append(entries[-1])
        return Replacement(tuple(prototypes), are_means=False, unlabeled=np.stack(unlabeled))

    def _networks(self) -> Iterator["Member"]:
        for member in self.members:
            assert isinstance(member, Member)
            yield member

    def _maps(self, images: Tensor) -> list[Tensor]:
        """Return the trunk's maps of images (B, 3, S, S), the finest first."""
        trunk = self.backbone.trunk if isinstance(self.backbone, Frozen) else self.backbone
        with torch.set_grad_enabled(trunk is self.backbone and torch.is_grad_enabled()):
            return trunk.maps(images)

    def _attended(self, maps: Sequence[Tensor], images: Tensor) -> Tensor:
        """Return the map that is attended to, at most 7 × 7, with the image as three channels."""
        stride = max(1, self.backbone.image_size // ATTENDED_STRIDE)
        finest = next((each for each in maps if each.shape[2] <= stride), maps[-1])
        side = min(ATTENDED_SIDE, finest.shape[2])
        parts = [F.adaptive_avg_pool2d(part, side) for part in (finest, images)]
        return torch.cat(parts, dim=1)

    def _embedded(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the blocks (B, T, E) of each network, of images or of cached features."""
        flat = self.features(images) if images.dim() == 4 else images
        attended = flat[:, : math.prod(self._map_shape)].reshape(-1, *self._map_shape)
        attended = attended.contiguous(memory_format=torch.channels_last)  # pooling is faster
        features = flat[:, math.prod(self._map_shape) :]
        for member in self._networks():
            blocks: Tensor = member(attended, features)
            yield blocks

    def _joined(self, parts: Sequence[Tensor]) -> Tensor:
        """Return the concatenation of vectors of length 1, of length 1."""
        return torch.cat([*parts], dim=-1) / math.sqrt(len(parts))

    def _cross_entropy(self, logits: Tensor, value_sets: Tensor) -> Tensor:
        """Return the cross entropy of (B, V + 1) with the sets of values (B, L), smoothed."""
        num_values = logits.shape[1] - 1
        carried = F.one_hot(value_sets + 1, num_values + 1).sum(dim=1)  # first those of -1
        carried = torch.cat([carried[:, 1:], (value_sets[:, :1] < 0).long()], dim=1).float()
        is_known = logits.detach().isfinite().any(dim=0)
        targets = carried / carried.sum(dim=1, keepdim=True)
        targets = (1 - self.config.smoothing) * targets + self.config.smoothing * is_known / (
            is_known.sum()
        )
        log_probabilities = logits.log_softmax(dim=1).masked_fill(~is_known, 0)
        return -(targets * log_probabilities).sum(dim=1).mean()


class Member(nn.Module):
    """One network: maps (B, C, h, w) and features (B, D) to blocks (B, T, E) of length 1."""

    def __init__(
        self,
        num_features: int,
        map_shape: tuple[int, ...],
        num_values: tuple[int, ...],
        config: DatrnetEnsembleConfig,
    ) -> None:
        super().__init__()
        map_channels, height, width = map_shape
        size, self.number = config.embedding_size, len(num_values)
        number = self.number if config.separate else 1
        hidden, self.channels = config.hidden, config.channels
        if not config.separate:
            hidden, self.channels = self.number * hidden, math.isqrt(self.number) * self.channels
        shape = ModelConfig(fusion="sum", attention=config.attention, mask_activation="none")
        self.standardized = nn.BatchNorm1d(num_features, affine=False)
        self.feature_dropout = nn.Dropout(config.feature_dropout)
        # the dense layers of all super-categories in one product, for speed
        self.dense = nn.Linear(num_features, number * hidden)
        self.dropout = nn.Dropout(config.dropout)
        self.narrow = nn.Sequential(
            nn.Conv2d(map_channels, number * self.channels, 1, bias=False),
            nn.BatchNorm2d(number * self.channels),
            nn.ReLU(),
        )
        self.ases = Heads(ASE(self.channels, height, width, shape) for _ in range(number))
        self.ases.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        wide = hidden + 2 * 2 * self.channels
        self.embeddings = Heads(nn.Linear(wide, size) for _ in num_values)
        self.prototypes = nn.ParameterList(torch.randn(num + 1, size) for num in num_values)

    def forward(self, feature_map: Tensor, feature: Tensor) -> Tensor:
        """Return f_t for each super-category (B, T, E)."""
        feature = self.feature_dropout(self.standardized(feature))
        hidden = self.dense(feature).relu().chunk(len(self.ases.heads), dim=1)
        narrow = self.narrow(feature_map).split(self.channels, dim=1)
        vectors = []
        for own, part, ase in zip(hidden, narrow, self.ases.heads, strict=True):
            attended = ase(part)  # (B, 2C, h, w)
            pooled = (attended.mean(dim=(2, 3)), attended.amax(dim=(2, 3)))
            vectors.append(self.dropout(torch.cat([own, *pooled], dim=1)))
        blocks = self.embeddings(torch.stack(vectors, dim=1).expand(-1, self.number, -1))
        return F.normalize(torch.stack(blocks, dim=1).float(), dim=2)
