"""Every system by name, with the config it has unless told otherwise."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datrnet.core.config import SystemChoice, read_section
from datrnet.core.errors import UnknownNameError
from datrnet.core.models.backbones.making import BACKBONES, make_backbone
from datrnet.core.systems.adde_m import AddeM
from datrnet.core.systems.amnet import AMNet
from datrnet.core.systems.attribute_based import AttributeBased
from datrnet.core.systems.configs import (
    AddeConfig,
    AMNetConfig,
    AttributeBasedConfig,
    DatrnetOnBackboneConfig,
    FashionSearchNetConfig,
)
from datrnet.core.systems.datrnet_on_backbone import DatrnetOnBackbone
from datrnet.core.systems.fashionsearchnet import FashionSearchNet
from datrnet.core.systems.system import System

if TYPE_CHECKING:
    from datrnet.core.models.backbones import Backbone

SystemConfig = (
    AttributeBasedConfig
    | AMNetConfig
    | FashionSearchNetConfig
    | AddeConfig
    | DatrnetOnBackboneConfig
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemKind:
    """How a system is made."""

    make: Callable[..., System]
    config: SystemConfig


KINDS: Mapping[str, SystemKind] = {
    "attribute-based": SystemKind(make=AttributeBased, config=AttributeBasedConfig()),
    "amnet": SystemKind(make=AMNet, config=AMNetConfig()),
    "fashionsearchnet-without-loc": SystemKind(
        make=FashionSearchNet, config=FashionSearchNetConfig(localized=False)
    ),
    "fashionsearchnet": SystemKind(make=FashionSearchNet, config=FashionSearchNetConfig()),
    "adde-m": SystemKind(make=AddeM, config=AddeConfig()),
    "datrnet-on-backbone": SystemKind(make=DatrnetOnBackbone, config=DatrnetOnBackboneConfig()),
}


def make_system(
    name: str,
    backbone: "Backbone",
    num_values: tuple[int, ...],
    config: SystemConfig | None = None,
) -> System:
    """Make a system with random weights on a backbone.

    Args:
        name: One of ``KINDS``.
        backbone: What sees the pictures.
        num_values: Of each super-category.
        config: Of this kind of system; by default the one of ``KINDS``.

    Raises:
        UnknownNameError: There is no such system.
    """
    if name not in KINDS:
        raise UnknownNameError("system", name, KINDS)
    kind = KINDS[name]
    return kind.make(backbone, num_values, kind.config if config is None else config)


def config_of(choice: SystemChoice) -> SystemConfig:
    """Return the config of the system that is chosen.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
    """
    if choice.name not in KINDS:
        raise UnknownNameError("system", choice.name, ("datrnet", *KINDS))
    if choice.backbone not in BACKBONES:
        raise UnknownNameError("backbone", choice.backbone, BACKBONES)
    default = KINDS[choice.name].config
    values = asdict(default) | choice.settings
    return read_section(type(default), values, f"system {choice.name} settings")


def check_choices(choices: Iterable[tuple[SystemChoice, int]]) -> None:
    """Refuse what cannot be made, before anything is trained: DAtRNet has nothing to check.

    Args:
        choices: Each with the side S of the pictures that the system will see.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting does not exist or is out of range, or a backbone is not installed.
        CheckpointError: The weights of a backbone do not fit.
    """
    backbones: set[tuple[str, int, str]] = set()
    for choice, image_size in choices:
        if not choice.is_datrnet:
            config_of(choice)
            backbones.add((choice.backbone, image_size, choice.backbone_weights))
    for name, image_size, weights in sorted(backbones):
        make_backbone(name, image_size=image_size, weights=_weights(weights))


def system_of(choice: SystemChoice, image_size: int, num_values: tuple[int, ...]) -> System:
    """Make the system that a config chooses, on its backbone.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
        CheckpointError: The backbone's weights do not fit.
    """
    config = config_of(choice)
    backbone = make_backbone(
        choice.backbone,
        image_size=image_size,
        weights=_weights(choice.backbone_weights),
        frozen=choice.frozen,
    )
    return make_system(choice.name, backbone, num_values, config)


def _weights(path: str) -> Path | None:
    return Path(path).expanduser() if path else None
