"""The configs of the systems: every choice that a paper or its readers leave open.

Where no source says anything, the default is one of the reading that these systems were written
from; a docstring says "open" there.
"""

from dataclasses import dataclass

from datrnet.core.config import at_least
from datrnet.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeBasedConfig:
    """Attribute-based retrieval: predict the values, exchange one, compare predictions."""

    hard: bool = False
    """Whether a picture counts as its likeliest values instead of as their probabilities; then
    the distance is the number of differing ones, and equally far items stay in their order
    (open)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AMNetConfig:
    """AMNet (Zhao et al., CVPR 2017)."""

    feature_size: int = 0
    """Length d of the feature; 0 takes the backbone's, any other length is one layer more."""
    head_size: int = 340
    """Hidden numbers of the head that predicts the values of a super-category (open)."""
    margin: float = 0.5
    """Margin of the ranking loss, on features of length 1 and their plain L2 (open)."""
    classification_weight: float = 0.2
    """Weight of the cross entropies beside the ranking loss (open)."""
    classification_share: float = 0.5
    """Share of the budget for classification alone, before the memory is filled (open)."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, feature_size=0, classification_weight=0)
        at_least(self, head_size=1)
        _positive(self, "margin")
        _shares(self, "classification_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class FashionSearchNetConfig:
    """FashionSearchNet (Ak et al., CVPR 2018 and ECCV-W 2018)."""

    localized: bool = True
    """Whether each branch sees the region of its activation map, or the whole map ("w/o Loc")."""
    conv_channels: tuple[int, int] = (512, 1024)
    """Channels of conv6 and conv7 (of an unfinished re-implementation)."""
    threshold: float = 0.2
    """Share of an activation map's maximum above which a place may belong to the region."""
    region_size: int = 6
    """Height and width that a region is pooled to: what AlexNet's own layers expect."""
    branch_sizes: tuple[int, int, int] = (1024, 1024, 512)
    """Outputs of a branch's three fully connected layers; the last is the embedding (open)."""
    normalize: bool = True
    """Whether each embedding and each prototype is brought to length 1, so that none outweighs
    the others before weights are learnt (open)."""
    ranking_weight: float = 1.0
    """Weight of the local ranking loss beside the cross entropies (open)."""
    classification_share: float = 0.3
    """Share of the budget until the activation maps are sensible (open)."""
    global_share: float = 0.1
    """Share of the budget for the weights of the global ranking, the last stage (open)."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, region_size=1)
        for size in (*self.conv_channels, *self.branch_sizes):
            if size < 1:
                raise ConfigError(f"A layer of {size} outputs is too small; use at least 1.")
        _positive(self, "ranking_weight")
        _shares(self, "threshold")
        _shares(self, "classification_share", "global_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddeConfig:
    """ADDE-M (Hou et al., ICCV 2021); the defaults are those of the authors' command."""

    embedding_size: int = 340
    """Length of the embedding of one super-category."""
    margin: float = 0.5
    """Margin of all triplet losses, on vectors of length 1."""
    classification_weight: float = 0.2
    """Weight of the cross entropies."""
    category_weight: float = 0.2
    """Weight of the triplet loss of each super-category, in the first stage."""
    ranking_weight: float = 1.0
    """Weight of the triplet losses of whole vectors."""
    consistency: bool = True
    """Whether an embedding shall be the sum of its values' prototypes; their "finetune" is not."""
    consistency_weight: float = 1.0
    """Weight of that."""
    block_diagonal: bool = True
    """Whether a prototype shall write into its own super-category's block only."""
    block_diagonal_weight: float = 0.4
    """Weight of that."""
    memory_items: int = 100
    """Items drawn for each value, whose mean is its first prototype."""
    encoder_share: float = 0.5
    """Share of the budget for the encoder, before the memory is filled: 25 of 50 epochs."""
    triplets: str = ""
    """A split folder in ADDE's format whose triplets the last stage trains on; empty draws anew for
    each epoch."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, embedding_size=1, memory_items=1)
        at_least(self, classification_weight=0, category_weight=0, ranking_weight=0)
        at_least(self, consistency_weight=0, block_diagonal_weight=0)
        _positive(self, "margin")
        _shares(self, "encoder_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatrnetOnBackboneConfig:
    """DAtRNet's embedding networks on a backbone's map in place of their own first layers."""

    channels: int = 32
    """Channels that the map is brought to before the ASE, which doubles them."""
    embedding_size: int = 128
    """Length of the embedding of one super-category."""
    dropout: float = 0.25
    """Dropout in the dense layer after the pooling."""
    margin: float = 0.2
    """Margin of the triplet loss, on the squared L2 of vectors of length 1."""
    proxy_weight: float = 1.0
    """Weight of the proxy loss beside it; as in the config ``small``."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, channels=4, embedding_size=1)
        _positive(self, "margin")
        if not 0 <= self.dropout < 1 or not 0 <= self.proxy_weight < float("inf"):
            raise ConfigError("dropout must be from 0 to below 1, and proxy_weight at least 0.")


def _positive(config: object, *names: str) -> None:
    for name in names:
        if not 0 < getattr(config, name) < float("inf"):
            raise ConfigError(f"{name} is {getattr(config, name)}; it must be above 0.")


def _shares(config: object, *names: str) -> None:
    """Refuse shares of one whole that leave nothing, or more than all, of it."""
    total = sum(getattr(config, name) for name in names)
    if total >= 1 or any(getattr(config, name) <= 0 for name in names):
        shares = " and ".join(f"{name} {getattr(config, name)}" for name in names)
        raise ConfigError(f"Of {shares} each must be above 0, and all together below 1.")
