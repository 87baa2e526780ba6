"""Image networks with the parameter names of their public ImageNet weights."""

from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.registry import BACKBONES, make_backbone

__all__ = ["BACKBONES", "Backbone", "make_backbone"]
