"""The comparison systems by name, and how a config makes them.

The product reaches this module by ``datrnet.core.models.registry`` only.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from datrnet.core.config import SystemChoice, read_section
from datrnet.core.errors import UnknownNameError
from datrnet.core.models.run_folder import RunFolder, load_weights
from datrnet.core.research.backbones.networks import BACKBONES, make_backbone
from datrnet.core.research.systems.adde_m import AddeConfig, AddeM
from datrnet.core.research.systems.amnet import AMNet, AMNetConfig
from datrnet.core.research.systems.attribute_based import AttributeBased, AttributeBasedConfig
from datrnet.core.research.systems.datrnet_ensemble import (
    DatrnetEnsemble,
    DatrnetEnsembleConfig,
)
from datrnet.core.research.systems.datrnet_on_backbone import (
    DatrnetOnBackbone,
    DatrnetOnBackboneConfig,
)
from datrnet.core.research.systems.fashionsearchnet import FashionSearchNet, FashionSearchNetConfig
from datrnet.core.research.systems.method import MethodConfig, RetrievalMethod

METHODS: Mapping[str, tuple[Callable[..., RetrievalMethod], MethodConfig]] = {
    "attribute-based": (AttributeBased, AttributeBasedConfig()),
    "amnet": (AMNet, AMNetConfig()),
    "fashionsearchnet-without-loc": (FashionSearchNet, FashionSearchNetConfig(localized=False)),
    "fashionsearchnet": (FashionSearchNet, FashionSearchNetConfig()),
    "adde-m": (AddeM, AddeConfig()),
    "datrnet-on-backbone": (DatrnetOnBackbone, DatrnetOnBackboneConfig()),
    "datrnet-ensemble": (DatrnetEnsemble, DatrnetEnsembleConfig()),
}
"""The comparison systems and their default configs."""


def config_of(choice: SystemChoice) -> MethodConfig:
    """Return the config of the chosen system.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
    """
    if choice.name not in METHODS:
        raise UnknownNameError("system", choice.name, ("datrnet", *METHODS))
    if choice.backbone not in BACKBONES:
        raise UnknownNameError("backbone", choice.backbone, BACKBONES)
    default = METHODS[choice.name][1]
    values = asdict(default) | choice.settings
    return read_section(type(default), values, f"system {choice.name} settings")


def check_choices(choices: Iterable[tuple[SystemChoice, int]]) -> None:
    """Refuse systems that cannot be made, before anything is trained.

    Args:
        choices: Each with the side S of the images; DAtRNet has nothing to check.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting does not exist or is out of range, or a backbone is not installed.
        CheckpointError: The weights of a backbone do not fit.
    """
    backbones: set[tuple[str, int, str, bool, int]] = set()
    for choice, image_size in choices:
        if not choice.is_datrnet:
            config_of(choice)
            weights, stride = choice.backbone_weights, choice.map_stride
            backbones.add((choice.backbone, image_size, weights, choice.frozen, stride))
    for name, size, weights, frozen, stride in sorted(backbones):
        make_backbone(
            name, image_size=size, weights=_weights(weights), frozen=frozen, map_stride=stride
        )


def method_of(
    choice: SystemChoice, image_size: int, num_values: tuple[int, ...]
) -> RetrievalMethod:
    """Make the system that a config chooses, on its backbone.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
        CheckpointError: The backbone's weights do not fit.
    """
    config, weights = config_of(choice), _weights(choice.backbone_weights)
    backbone = make_backbone(
        choice.backbone,
        image_size=image_size,
        weights=weights,
        frozen=choice.frozen,
        map_stride=choice.map_stride,
    )
    return METHODS[choice.name][0](backbone, num_values, config)


def load_method(run: RunFolder) -> RetrievalMethod:
    """Return the trained system of a run, in evaluation mode.

    Raises:
        CheckpointError: Its weights are missing, damaged, or of another system.
    """
    num_values = tuple(len(category.values) for category in run.super_categories)
    method = method_of(run.config.system, run.config.model.image_size, num_values)
    load_weights(method, run.weights_path())
    return method.eval()


def _weights(path: str) -> Path | None:
    return Path(path).expanduser() if path else None
