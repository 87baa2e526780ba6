"""The base of all backbones, which map images to a feature map and a pooled feature.

Weight files are read without executing their code.
"""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from datrnet.core.errors import CheckpointError, ConfigError, ShapeError

SMALLEST = 32
"""Side of the smallest images of which every backbone computes a map."""

THUMBNAIL = 8
"""Side of the thumbnail that joins the pooled feature of a frozen backbone."""

POINTER = b"version https://git-lfs."
WRAPPERS = ("state_dict", "model")
"""Keys under which training scripts store the state dict."""
PARALLEL = "module."
"""Prefix of all names of a network that was trained on several devices."""
COUNTER = ".num_batches_tracked"
"""An unused counter of batch normalization that files from before 2018 lack."""
SAVE_HINT = "Save the weights with torch.save(model.state_dict(), FILE) or as safetensors."


class Backbone(nn.Module, ABC):
    """A network without its last layer, the ImageNet classifier.

    Images in [-1, 1] are normalized here to the mean and standard deviation that the public weights
    expect, even without such weights, so that a saved network need not know what it started from.

    Args:
        image_size: Side S of the images.

    Raises:
        ConfigError: The backbone does not accept images of that size.
    """

    name: ClassVar[str]
    feature_size: ClassVar[int]
    """Length D of the pooled feature."""
    map_channels: ClassVar[int]
    """Channels C of the map."""
    finer_maps: ClassVar[Mapping[int, int]] = {}
    """Channels of those of its ``maps`` that may take the last one's place, by stride in pixels."""
    head: ClassVar[str]
    """Prefix of the last layer's names in the public weights; the layer is omitted here."""
    mean: ClassVar[tuple[float, float, float]] = (0.485, 0.456, 0.406)
    """Mean of ImageNet's images by channel, in [0, 1]."""
    std: ClassVar[tuple[float, float, float]] = (0.229, 0.224, 0.225)
    """Standard deviation of ImageNet's images by channel, in [0, 1]."""

    scale: Tensor
    shift: Tensor

    def __init__(self, image_size: int) -> None:
        super().__init__()
        if image_size < SMALLEST:
            raise ConfigError(
                f"image_size is {image_size}; {self.name} needs at least {SMALLEST} pixels."
            )
        self.image_size = image_size
        mean, std = torch.tensor([self.mean, self.std])[:, :, None, None]
        # x in [-1, 1] is (x + 1) / 2 in [0, 1]; not persistent, as public files lack them
        self.register_buffer("scale", 0.5 / std, persistent=False)
        self.register_buffer("shift", (0.5 - mean) / std, persistent=False)

    @abstractmethod
    def feature_map(self, images: Tensor) -> Tensor:
        """Return the map (B, C, h, w) of images (B, 3, S, S) in [-1, 1].

        Raises:
            ShapeError: The images are not of the backbone's size.
        """

    def forward(self, images: Tensor) -> Tensor:
        """Return the pooled features (B, D) of images (B, 3, S, S) in [-1, 1].

        Raises:
            ShapeError: The images are not of the backbone's size.
        """
        return self.map_and_feature(images)[1]

    def map_and_feature(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map (B, C, h, w) and the pooled feature (B, D) of images (B, 3, S, S).

        Raises:
            ShapeError: The images are not of the backbone's size.
        """
        mapped = self.feature_map(images)
        return mapped, self.pool(mapped)

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the last map of each resolution, the finest first, and ``feature_map``."""
        return [self.feature_map(images)]

    def pool(self, feature_map: Tensor) -> Tensor:
        """Return the pooled features (B, D) of maps (B, C, h, w): the mean over the cells."""
        return feature_map.mean(dim=(2, 3))

    def map_size(self) -> tuple[int, int]:
        """Return the height and width of the map."""
        was_training = self.training
        blank = torch.zeros(1, 3, self.image_size, self.image_size)
        with torch.no_grad():
            height, width = self.eval().feature_map(blank).shape[2:]
        self.train(was_training)
        return height, width

    def normalize(self, images: Tensor) -> Tensor:
        """Return images (B, 3, S, S) as the public weights expect them.

        Raises:
            ShapeError: The images are not of the backbone's size.
        """
        side = self.image_size
        if images.dim() != 4 or images.shape[1:] != (3, side, side):
            raise ShapeError(
                f"Images have the shape {tuple(images.shape)}; (B, 3, {side}, {side}) is expected."
            )
        return images * self.scale + self.shift

    def load(self, path: Path) -> None:
        """Load the weights of a file by their names; nothing changes on failure.

        Raises:
            CheckpointError: The file is not a weight file, or a tensor is missing, of another shape
                or unknown; the first is named.
        """
        name, own = self.name, self.pretrained_module.state_dict()
        hint = f"Use ImageNet weights of {name} with the tensor names of the public file."
        fitted = {key: tensor for key, tensor in own.items() if key.endswith(COUNTER)}
        for key, tensor in self.adapt(read_tensors(path)).items():
            if not key.startswith(self.head):
                fitted[key] = tensor
        for key, tensor in own.items():
            if key not in fitted:
                raise CheckpointError(f"{path} lacks the tensor {key} of {name}.", hint=hint)
            if fitted[key].shape != tensor.shape:
                raise CheckpointError(
                    f"In {path} the tensor {key} has the shape {shape_text(fitted[key])}; "
                    f"{name} has {shape_text(tensor)}.",
                    hint=hint,
                )
        for key in fitted:
            if key not in own:
                raise CheckpointError(f"{path} has a tensor {key}, which {name} lacks.", hint=hint)
        self.pretrained_module.load_state_dict(fitted)

    @property
    def pretrained_module(self) -> nn.Module:
        """The module whose tensors have the names of the public weights."""
        return self

    def adapt(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a file's tensors with the names and shapes of this network."""
        return tensors

    def bundled_weights(self) -> Path | None:
        """Return the default weights; None for random ones.

        Raises:
            ConfigError: They are not installed.
        """
        return None


class Frozen(Backbone):
    """Another backbone that is not trained, so that its output can be cached.

    ImageNet features carry little about color, so a thumbnail of the image joins them. The feature
    (B, D' + C' + 192) is the trunk's feature of size D', the maximum of each of the C' channels of
    its last map, and the image at 8 × 8 pixels. The map (B, C + 3, h, w) is the trunk's last or a
    finer map, and the image at its size.

    Map and feature of images are cached as a vector (B, (C + 3) · h · w + D), the flat map first.

    Args:
        trunk: The backbone to freeze.
        map_stride: Stride of the map in pixels; 0 takes the last map.

    Raises:
        ConfigError: The trunk has no map of that stride.
    """

    def __init__(self, trunk: Backbone, map_stride: int = 0) -> None:
        super().__init__(trunk.image_size)
        if map_stride and map_stride not in trunk.finer_maps:
            known = ", ".join(map(str, (0, *trunk.finer_maps)))
            raise ConfigError(
                f"{trunk.name} provides no map of stride {map_stride}.",
                hint=f"Use one of: {known}, where 0 is its last map.",
            )
        self.trunk, self.map_stride = trunk, map_stride
        self.name = trunk.name  # type: ignore[misc]  # of the instance
        channels = trunk.finer_maps[map_stride] if map_stride else trunk.map_channels
        self.map_channels = channels + 3  # type: ignore[misc]
        self.feature_size = (  # type: ignore[misc]
            trunk.feature_size + trunk.map_channels + 3 * THUMBNAIL**2
        )
        self.fix()

    def fix(self) -> None:
        """Leave training mode, which the training of a whole system enters."""
        self.eval().requires_grad_(False)

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the map of images (B, 3, S, S), or a cached map (B, C + 3, h, w) unchanged."""
        if images.shape[1] == self.map_channels:
            return images
        with torch.no_grad():
            if not self.map_stride:
                return _with_image(self.trunk.feature_map(images), images)
            return _with_image(self._finer(self.trunk.maps(images)), images)

    def forward(self, images: Tensor) -> Tensor:
        """Return the feature of images (B, 3, S, S), or a cached feature (B, D) unchanged."""
        return images if images.dim() == 2 else self.map_and_feature(images)[1]

    def map_and_feature(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return map and feature of images (B, 3, S, S), or of cached vectors of both."""
        if images.dim() == 2:
            flat, feature = images[:, : -self.feature_size], images[:, -self.feature_size :]
            side = math.isqrt(flat.shape[1] // self.map_channels)
            return flat.view(-1, self.map_channels, side, side), feature
        with torch.no_grad():
            if self.map_stride:
                maps = self.trunk.maps(images)
                mapped, last = self._finer(maps), maps[-1]
                feature = self.trunk.pool(last)
            else:
                last, feature = self.trunk.map_and_feature(images)
                mapped = last
            small = F.adaptive_avg_pool2d(images, THUMBNAIL)
            feature = torch.cat([feature, last.amax(dim=(2, 3)), small.flatten(1)], dim=1)
            return _with_image(mapped, images), feature

    def _finer(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the map of the chosen stride."""
        channels = self.trunk.finer_maps[self.map_stride]
        return next(each for each in maps if each.shape[1] == channels)

    @property
    def pretrained_module(self) -> nn.Module:
        """The trunk's module."""
        return self.trunk.pretrained_module


def _with_image(mapped: Tensor, images: Tensor) -> Tensor:
    """Return a map (B, C, h, w) with the images as three further channels."""
    height, width = mapped.shape[2:]
    return torch.cat([mapped, F.adaptive_avg_pool2d(images, (height, width))], dim=1)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file or a PyTorch state dict as float32.

    Raises:
        CheckpointError: The file is missing, damaged, a Git-LFS pointer, or has no tensors.
    """
    stored = _read(path)
    for wrapper in WRAPPERS:
        if isinstance(stored, Mapping) and isinstance(stored.get(wrapper), Mapping):
            stored = stored[wrapper]
    named = isinstance(stored, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in stored.items()
    )
    if not named or not stored:
        raise CheckpointError(f"{path} contains no named tensors.", hint=SAVE_HINT)
    cut = len(PARALLEL) if all(name.startswith(PARALLEL) for name in stored) else 0
    return {
        name[cut:]: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in stored.items()
    }


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            beginning = file.read(len(POINTER))
    except OSError as error:
        raise CheckpointError(
            f"The weights {path} cannot be read: {error.strerror}.",
            hint="Use a safetensors file or a PyTorch state dict.",
        ) from error
    if beginning == POINTER:
        raise CheckpointError(
            f"{path} is a Git-LFS pointer: the file itself was not downloaded.",
            hint="Install git-lfs and run `git lfs pull` in the folder it was cloned to.",
        )
    try:
        if beginning[8:9] == b"{":  # the header of safetensors is JSON after its length
            return load_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that it refuses anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # other files raise almost anything
        raise CheckpointError(
            f"{path} is not a weight file, is damaged, or contains more than tensors.",
            hint=SAVE_HINT,
        ) from error


def shape_text(tensor: Tensor) -> str:
    """Return a shape as text, as "64 × 3 × 11 × 11"."""
    return " × ".join(str(size) for size in tensor.shape) or "one number"
