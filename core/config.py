"""The configs: every choice the paper leaves open, as data.

Each field's meaning, the paper's words on it and the reason for its default are in
``docs/paper.md``; the numbers in brackets below are the open points of its table.

A field's default is the paper's value or reading. It must never change: the ``run.json`` of an
older run may lack the field. ``core/configs/`` holds the ready configs, which files start from.
Their values go before the defaults: what ``datrnet train`` does by default is changed in
``core/configs/small.toml``.
"""

import math
import tomllib
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from datrnet.core.errors import ConfigError, nearest

Attention = Literal["channel", "height", "width", "spatial"]
Precision = Literal["float32", "bfloat16"]
PrecisionChoice = Literal["auto", "float32", "bfloat16"]
RankingChoice = Literal["auto", "distance", "match"]
Mining = Literal["all", "violating", "semi_hard", "batch_hard"]

READY_CONFIGS = ("small", "paper", "best", "demo")
"""The configs that ship with the package, by name."""

SYSTEM_NAMES = (
    "datrnet",
    "attribute-based",
    "amnet",
    "fashionsearchnet",
    "fashionsearchnet-without-loc",
    "adde-m",
    "datrnet-on-backbone",
    "datrnet-ensemble",
)
"""DAtRNet and the comparison systems; ``core/research/systems/registry.py`` has their classes."""

BACKBONE_NAMES = ("alexnet", "resnet50", "vit_b_16", "efficientnet_lite0")
"""The backbones; ``core/research/backbones/networks.py`` has their classes."""

DEFAULT_BASE = "small"
"""The ready config whose values a config file keeps unless it names another ``base``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of one DAtRNet (table 1, figure 2, equations 1 and 2)."""

    image_size: int = 256
    """Height and width of the input in pixels."""
    filters: int = 32
    """Output channels of the first convolution; each ASE doubles them."""
    kernel: int = 3
    """Kernel of the stem, of the ASE's input convolution and of its output convolution."""
    num_ase: int = 3
    """Number of ASE modules (table 1: three; table 4 ablates one)."""
    embedding_size: int = 128
    """Length of the embedding of one super-category."""
    stem_stride: int = 1
    """Stride of the first convolution (1)."""
    mid_level_kernels: tuple[int, int] = (3, 5)
    """Kernels of the two parallel paths, each a convolution and a pooling (2)."""
    mid_level_pool: Literal["max", "average"] = "max"
    """Pooling of the two paths; stride 1, so that height and width stay (2)."""
    multi_scale: Literal["inception", "asymmetric", "residual"] = "inception"
    """The multi-scale feature extraction; ``residual`` is the ablation of table 4 (3, 21)."""
    attention_width: int = 2
    """Channels D of the map the masks are made for, in multiples of the ASE's C (4)."""
    axis_squeeze: Literal["full_kernel", "pointwise_mean", "depthwise"] = "full_kernel"
    """How Conv(X) of equation 2 squeezes a map to one number per row or column (5)."""
    attention: tuple[Attention, ...] = ("channel", "height", "width")
    """The masks; ``spatial`` is the joint mask of the ablation, () uses none (21)."""
    fusion: Literal["concat", "sum", "product"] = "concat"
    """How the masked maps are combined before the output convolution (6)."""
    mask_activation: Literal["relu", "none"] = "relu"
    """Activation between the two Dense layers of a mask (7)."""
    batch_norm: bool = True
    """Whether each convolution is followed by batch normalization (8)."""
    conv_activation: Literal["relu", "leaky_relu", "silu"] = "relu"
    """Activation of each convolution (8)."""
    input_conv: bool = True
    """Whether the ASE begins with a convolution of its own (9)."""
    head_activation: Literal["relu", "none"] = "relu"
    """Activation of Dense(256) (10)."""
    initialization: Literal["torch", "kaiming", "xavier"] = "torch"
    """Initialization of convolutions and Dense layers; ``torch`` is the library's default (15)."""
    dropout: float = 0.25
    """Dropout in the dense layer after the global average pooling."""
    normalize: Literal["block", "whole", "none"] = "block"
    """What is L2-normalized: each embedding, the concatenation, or nothing (11)."""
    renormalize_prototypes: bool = True
    """Whether a prototype is L2-normalized like an embedding (11)."""

    @property
    def unit_prototypes(self) -> bool:
        """Whether prototypes are L2-normalized."""
        return self.renormalize_prototypes and self.normalize == "block"

    def __post_init__(self) -> None:
        """Check ranges."""
        check_types(self)
        at_least(self, image_size=8, filters=4, num_ase=1, embedding_size=1, stem_stride=1)
        at_least(self, attention_width=1)
        if self.filters % 2:
            raise ConfigError(f"filters is {self.filters}; it must be even.")
        for kernel in (self.kernel, *self.mid_level_kernels):
            if kernel < 1 or kernel % 2 == 0:
                raise ConfigError(f"A kernel has size {kernel}; it must be odd.")
        if not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout is {self.dropout}; it must be at least 0 and below 1.")
        if len(set(self.attention)) < len(self.attention):
            raise ConfigError(f"attention lists a mask twice: {', '.join(self.attention)}.")
        if self.image_size // self.stem_stride < 2**self.num_ase:
            raise ConfigError(
                f"An image of {self.image_size} px is too small for {self.num_ase} ASE modules.",
                hint=f"Use at least {2**self.num_ase * self.stem_stride} px.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """How one network is trained."""

    triplets: int = 90_000
    """Triplets drawn for each super-category (section 4)."""
    epochs: int = 20
    """Passes over the triplets."""
    batch_triplets: int = 32
    """Triplets in a batch; its images are three times as many."""
    margin: float = 0.5
    """Margin of the triplet loss (12); the configs small and demo set another."""
    squared_distance: bool = False
    """Whether the loss compares squared distances (12)."""
    mining: Mining = "batch_hard"
    """Mining of the triplets of a batch, after the warm-up (13)."""
    warmup_mining: Mining = "violating"
    """Mining during the warm-up: batch-hard from random weights collapses (13)."""
    warmup: float = 0.5
    """Share of the epochs that are warm-up (13)."""
    triplet_weight: float = 1.0
    """Weight of the triplet loss; 0 leaves the proxies alone, a classifier by cosine (13)."""
    proxy_weight: float = 0.0
    """Weight of a second loss that pulls each embedding to a learned proxy of its value and away
    from those of others (normalized softmax); 0 is the paper's triplet loss alone (13)."""
    proxy_temperature: float = 0.06
    """Temperature of that loss: the smaller, the more it depends on the nearest proxies (13)."""
    balance: float = 1.0
    """1 draws every value equally often, 0 every item equally often (14)."""
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    """The optimizer; sgd has a momentum of 0.9 (15)."""
    learning_rate: float = 1e-3
    """Peak of its one-cycle schedule (15)."""
    weight_decay: float = 0.0
    """Weight decay of the optimizer (15)."""
    flip: bool = True
    """Whether training images are mirrored at random (15)."""
    shift: float = 0.06
    """Largest random shift of a training image, as a share of its side (15)."""
    zoom: float = 0.0
    """Largest random change of scale, as a share (15)."""
    light: float = 0.0
    """Largest random change of brightness and of contrast, as a share (15)."""
    initial_run: str = ""
    """A run whose weights to start from; empty starts from random weights (16)."""
    patience: int = 0
    """Epochs without a better validation accuracy after which to stop; 0 disables it."""
    precision: PrecisionChoice = "auto"
    """Arithmetic of training; auto is bfloat16 if it is native."""
    seed: int = 0
    """Seed of the weights, of the triplets and of the augmentation."""

    def __post_init__(self) -> None:
        """Check ranges."""
        check_types(self)
        at_least(self, triplets=1, epochs=1, batch_triplets=2, seed=0, patience=0)
        at_least(self, triplet_weight=0, proxy_weight=0, weight_decay=0)
        if not self.triplet_weight and not self.proxy_weight:
            raise ConfigError(
                "triplet_weight and proxy_weight are 0, which leaves nothing to learn from.",
                hint="Set one of them above 0.",
            )
        for name in ("warmup", "balance", "shift", "zoom", "light"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must lie between 0 and 1.")
        above_zero(self, "margin", "learning_rate", "proxy_temperature")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemChoice:
    """DAtRNet or a comparison system of table 3, its backbone and its budget."""

    name: str = "datrnet"
    """One of ``SYSTEM_NAMES``."""
    backbone: str = "alexnet"
    """One of ``BACKBONE_NAMES``; DAtRNet has none."""
    backbone_weights: str = ""
    """A file of ImageNet weights; empty starts from random weights, except efficientnet_lite0."""
    frozen: bool = False
    """Whether the backbone is not trained; its features are then cached."""
    map_stride: int = 0
    """Pixels between the cells of a frozen backbone's feature map; 0 takes its last map.
    efficientnet_lite0 also has maps of stride 8 and 16."""
    batch: int = 64
    """Images in a batch."""
    triplet_batch: int = 0
    """Triplets in a batch of a stage that trains on triplets; 0 is a third of ``batch``, so that a
    batch has as many images. ADDE's authors use as many triplets as images."""
    learning_rate: float = 1e-4
    """Learning rate of Adam, decayed to 0 along half a cosine in each stage; ADDE's authors use
    this value to fine-tune ImageNet weights."""
    minutes: float = 0.0
    """Time budget of the whole training instead of ``train.epochs``; DAtRNet's networks share it
    evenly; 0 counts epochs."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings of the system's own config that differ from its defaults; see its module in
    ``core/research/systems``."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, batch=6, triplet_batch=0, minutes=0, map_stride=0)
        above_zero(self, "learning_rate")
        if self.map_stride and not self.frozen:
            raise ConfigError("Only a frozen backbone has a map_stride.", hint="Set frozen = true.")

    @property
    def is_datrnet(self) -> bool:
        """Whether it is DAtRNet, not a comparison system."""
        return self.name == "datrnet"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """How embeddings become an index generation."""

    prototypes_from: Literal["train", "all"] = "train"
    """Items whose mean embeddings are the prototypes (17)."""
    trees: int = 40
    """Trees of the Annoy index."""
    recall_target: float = 0.99
    """Recall@30 against exact search below which more nodes are visited."""
    ranking: RankingChoice = "distance"
    """What orders items: the paper's distance, match scores, or auto, which takes what ranks the
    validation items better."""

    def __post_init__(self) -> None:
        """Check ranges."""
        check_types(self)
        at_least(self, trees=1)
        if not 0 < self.recall_target <= 1:
            raise ConfigError(
                f"recall_target is {self.recall_target}; it must be above 0 and at most 1."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of a run; stored beside its weights."""

    name: str = "paper"
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    system: SystemChoice = field(default_factory=SystemChoice)

    def to_dict(self) -> dict[str, Any]:
        """Return the config as plain values, for JSON."""
        return asdict(self)

    def with_seed(self, seed: int) -> "Config":
        """Return the same config with another seed."""
        return replace(self, train=replace(self.train, seed=seed))

    @classmethod
    def from_dict(cls, data: dict[str, Any], *, source: str = "config") -> "Config":
        """Build a config from plain values.

        Raises:
            ConfigError: A key is unknown or a value out of range; the message names ``source``.
        """
        return read_section(cls, {**data, "name": str(data.get("name", source))}, source)

    @classmethod
    def load(cls, name_or_path: str) -> "Config":
        """Read a ready config by name, one of ``READY_CONFIGS``, or any TOML file by path.

        A file changes fields of the ready config that its key ``base`` names; ``small`` by default.

        Raises:
            ConfigError: There is no such config or file, or it is not valid.
        """
        if name_or_path in READY_CONFIGS:
            return cls._ready(name_or_path)
        path = Path(name_or_path)
        if not path.is_file():
            raise ConfigError(
                f"There is no config or file {name_or_path!r}.",
                hint=nearest(name_or_path, READY_CONFIGS),
            )
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not a text file in UTF-8.") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"Config {path.stem} is not valid TOML: {error}.") from error
        base = data.pop("base", DEFAULT_BASE)
        if base not in READY_CONFIGS:
            raise ConfigError(
                f"{path.stem} has the base {base!r}, which is not a built-in config.",
                hint=nearest(str(base), READY_CONFIGS),
            )
        values = cls._ready(base).to_dict() | {"name": path.stem}
        for name, value in data.items():
            is_section = isinstance(values.get(name), dict) and isinstance(value, dict)
            values[name] = values[name] | value if is_section else value
        return cls.from_dict(values, source=path.stem)

    @classmethod
    def _ready(cls, name: str) -> "Config":
        text = (files("datrnet.core") / "configs" / f"{name}.toml").read_text("utf-8")
        return cls.from_dict(tomllib.loads(text), source=name)


Section = TypeVar("Section")


def read_section(kind: type[Section], values: Any, source: str) -> Section:
    """Build a config dataclass; TOML arrays become tuples, unknown and missing keys are refused.

    Raises:
        ConfigError: The message names ``source``.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{source} is not a table of settings.")
    hints = get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise ConfigError(
            f"{source} has an unknown setting {unknown[0]!r}.",
            hint=nearest(unknown[0], hints),
        )
    typed = {}
    for name, value in values.items():
        place = f"{source} [{name}]" if is_dataclass(hints[name]) else f"{source} {name}"
        typed[name] = _typed(hints[name], value, place)
    try:
        return kind(**typed)
    except ConfigError as error:  # a value is out of range
        raise ConfigError(f"{source}: {error.message}", hint=error.hint) from error
    except TypeError as error:  # a field without a default was left out
        raise ConfigError(f"{source} lacks a setting: {error}.") from error


def _typed(hint: Any, value: Any, source: str) -> Any:
    """Check a value against its declared type; integers pass as floats, lists as tuples."""
    if get_origin(hint) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{source} must be a list, not {value!r}.")
        kinds = get_args(hint)
        if kinds[-1] is not Ellipsis and len(value) != len(kinds):
            raise ConfigError(f"{source} must have {len(kinds)} entries, not {len(value)}.")
        return tuple(_typed(kinds[0], entry, source) for entry in value)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            allowed = ", ".join(map(str, get_args(hint)))
            raise ConfigError(f"{source} is {value!r}; it must be one of {allowed}.")
        return value
    if get_origin(hint) is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{source} is not a table of settings.")
        kind = get_args(hint)[1]
        return {key: _typed(kind, entry, f"{source}.{key}") for key, entry in value.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        return read_section(hint, value, source)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is not Any and (
        not isinstance(value, hint) or (hint is int and isinstance(value, bool))
    ):
        kind = getattr(hint, "__name__", hint)
        raise ConfigError(f"{source} must be of type {kind}, not {value!r}.")
    return value


def check_types(config: Any) -> None:
    """Refuse values that are not of the type, or among the choices, that their field declares."""
    for name, hint in get_type_hints(type(config)).items():
        _typed(hint, getattr(config, name), name)


def above_zero(config: Any, *names: str) -> None:
    """Refuse numbers that are not positive and finite."""
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ConfigError(f"{name} is {getattr(config, name)}; it must be above 0.")


def check_shares(config: Any, *names: str) -> None:
    """Refuse shares of a whole that are not positive, or leave nothing of it."""
    total = sum(getattr(config, name) for name in names)
    if total >= 1 or any(getattr(config, name) <= 0 for name in names):
        shares = " and ".join(f"{name} {getattr(config, name)}" for name in names)
        raise ConfigError(f"The shares are {shares}; each must be above 0, and their sum below 1.")


def at_least(config: Any, **minima: int) -> None:
    """Refuse numbers that are below their minimum or not finite."""
    for name, least in minima.items():
        if not least <= getattr(config, name) < math.inf:
            raise ConfigError(f"{name} is {getattr(config, name)}; it must be at least {least}.")
