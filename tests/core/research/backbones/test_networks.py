"""The networks are those that public weights were made for, and see pictures of any size."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from datrnet.core.errors import ConfigError, ShapeError, UnknownNameError
from datrnet.core.models.datrnet import to_network_input
from datrnet.core.research.backbones import networks
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.networks import (
    AlexNet,
    Bottleneck,
    EncoderLayer,
    ResNet50,
    ViTB16,
    make_backbone,
)

NUM_PARAMETERS = {"alexnet": 61_100_840, "resnet50": 25_557_032, "vit_b_16": 86_567_656}


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two layers of the transformer: its depth changes neither shapes nor what has a gradient."""
    monkeypatch.setattr(networks, "NUM_LAYERS", 2)


@pytest.fixture(scope="session")
def alexnet() -> AlexNet:
    backbone = make_backbone("alexnet", image_size=64).eval()
    assert isinstance(backbone, AlexNet)
    return backbone


def images(side: int, num: int = 1) -> Tensor:
    return torch.rand(num, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("name", NUM_PARAMETERS)
def test_names_and_shapes_are_the_published_ones(
    name: str, published: dict[str, dict[str, tuple[int, ...]]]
) -> None:
    with torch.device("meta"):  # shapes alone, without a number
        backbone, image = make_backbone(name, image_size=224).eval(), torch.empty(1, 3, 224, 224)
    own = {key: tuple(tensor.shape) for key, tensor in backbone.state_dict().items()}
    head = {key: shape for key, shape in published[name].items() if key.startswith(backbone.head)}

    assert list({**own, **head}.items()) == list(published[name].items())
    in_head = sum(torch.Size(shape).numel() for shape in head.values())
    assert (
        sum(parameter.numel() for parameter in backbone.parameters()) + in_head
        == NUM_PARAMETERS[name]
    )

    with torch.inference_mode():
        feature, seen = backbone(image), backbone.feature_map(image)
    assert feature.shape == (1, {"alexnet": 4096, "resnet50": 2048, "vit_b_16": 768}[name])
    side = {"alexnet": 13, "resnet50": 7, "vit_b_16": 14}[name]
    assert seen.shape == (1, {"alexnet": 256, "resnet50": 2048, "vit_b_16": 768}[name], side, side)


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("name", NUM_PARAMETERS)
@pytest.mark.parametrize(("size", "sides"), [(32, (1, 1, 2)), (64, (3, 2, 4))])
def test_small_pictures_have_a_feature_and_a_map(
    name: str, size: int, sides: tuple[int, int, int]
) -> None:
    side = dict(zip(NUM_PARAMETERS, sides, strict=True))[name]
    backbone = make_backbone(name, image_size=size).eval()
    with torch.inference_mode():
        feature, seen = backbone(images(size)), backbone.feature_map(images(size))
    assert feature.shape == (1, backbone.feature_size)
    assert seen.shape == (1, backbone.map_channels, side, side)
    assert feature.isfinite().all()
    assert feature.std() > 0


def test_alexnet_is_five_convolutions_and_two_linear_layers_without_a_last_relu(
    alexnet: AlexNet,
) -> None:
    tensors = alexnet.state_dict()

    def layer(name: str) -> tuple[Tensor, Tensor]:
        return tensors[f"{name}.weight"], tensors[f"{name}.bias"]

    def window(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 2)

    x = alexnet.normalize(images(64))
    x = window(F.conv2d(x, *layer("features.0"), stride=4, padding=2).relu())
    x = window(F.conv2d(x, *layer("features.3"), padding=2).relu())
    for name in ("features.6", "features.8", "features.10"):
        x = F.conv2d(x, *layer(name), padding=1).relu()
    pooled = window(x).expand(1, 256, 6, 6).flatten(1)  # 1 × 1 at 64 pixels
    feature = F.linear(F.linear(pooled, *layer("classifier.1")).relu(), *layer("classifier.4"))

    with torch.inference_mode():
        torch.testing.assert_close(alexnet.feature_map(images(64)), x)
        torch.testing.assert_close(alexnet(images(64)), feature)
    assert feature.min() < 0


@pytest.mark.parametrize(("in_channels", "stride"), [(8, 1), (6, 1), (8, 2)])
def test_a_bottleneck_has_its_stride_in_the_middle_and_a_shortcut(
    in_channels: int, stride: int
) -> None:
    block = Bottleneck(in_channels, 2, stride).eval()
    x = torch.rand(2, in_channels, 6, 6)
    shortcut = x
    if (in_channels, stride) != (8, 1):
        shortcut = F.conv2d(x, block.downsample[0].weight, stride=stride)  # type: ignore[index]
        shortcut = block.downsample[1](shortcut)  # type: ignore[index]
    mapped = block.bn1(F.conv2d(x, block.conv1.weight)).relu()
    mapped = block.bn2(F.conv2d(mapped, block.conv2.weight, stride=stride, padding=1)).relu()
    mapped = block.bn3(F.conv2d(mapped, block.conv3.weight))

    torch.testing.assert_close(block(x), (mapped + shortcut).relu())


def test_resnet_is_made_as_its_authors_made_it() -> None:
    torch.manual_seed(0)
    backbone = make_backbone("resnet50", image_size=32)
    assert isinstance(backbone, ResNet50)
    assert backbone.conv1.weight.std().item() == pytest.approx((2 / (64 * 7 * 7)) ** 0.5, rel=0.05)
    with torch.inference_mode():
        backbone.eval()
        mean = backbone.feature_map(images(32)).mean(dim=(2, 3))
        torch.testing.assert_close(backbone(images(32)), mean)


def test_a_layer_of_the_transformer_is_attention_of_twelve_heads_and_two_linear_layers() -> None:
    layer = EncoderLayer().eval()
    tokens = torch.rand(2, 5, 768)
    seen = F.layer_norm(tokens, (768,), eps=1e-6)
    attention = layer.self_attention
    projected = F.linear(seen, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = (
        part.reshape(2, 5, 12, 64).transpose(1, 2) for part in projected.chunk(3, dim=-1)
    )
    weights = (query @ key.transpose(2, 3) / 8).softmax(dim=-1)  # 8² = 64
    attended = attention.out_proj((weights @ value).transpose(1, 2).reshape(2, 5, 768))
    middle = tokens + attended
    first, second = layer.mlp[0], layer.mlp[3]
    expected = middle + second(F.gelu(first(F.layer_norm(middle, (768,), eps=1e-6))))

    with torch.inference_mode():
        torch.testing.assert_close(layer(tokens), expected, rtol=1e-4, atol=1e-5)


def test_the_map_of_the_transformer_has_every_patch_at_its_place() -> None:
    backbone = make_backbone("vit_b_16", image_size=48).eval()
    assert isinstance(backbone, ViTB16)
    backbone.encoder.layers = torch.nn.Sequential()
    torch.nn.init.zeros_(backbone.encoder.pos_embedding)
    torch.nn.init.ones_(backbone.class_token[..., :384])
    with torch.inference_mode():
        patches = backbone.conv_proj(backbone.normalize(images(48)))
        expected = backbone.encoder.ln(patches.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        torch.testing.assert_close(backbone.feature_map(images(48)), expected)
        torch.testing.assert_close(
            backbone(images(48)), backbone.encoder.ln(backbone.class_token)[0]
        )


def test_pictures_are_brought_to_the_mean_and_deviation_of_imagenet(alexnet: AlexNet) -> None:
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = ((pixels / 255 - mean) / std).permute(0, 3, 1, 2)
    torch.testing.assert_close(
        alexnet.normalize(to_network_input(pixels)), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.usefixtures("shallow")
@pytest.mark.parametrize("name", NUM_PARAMETERS)
def test_a_gradient_reaches_every_parameter(name: str) -> None:
    backbone = make_backbone(name, image_size=32).train()
    backbone(images(32, num=2)).square().sum().backward()
    assert [key for key, parameter in backbone.named_parameters() if parameter.grad is None] == []


def test_images_of_another_size_are_refused(alexnet: AlexNet) -> None:
    with pytest.raises(ShapeError, match=r"\(B, 3, 64, 64\) is expected"):
        alexnet(images(32))
    with pytest.raises(ShapeError, match=r"\(B, 3, 64, 64\) is expected"):
        alexnet.feature_map(images(64)[0])


def test_an_unknown_name_tells_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as error:
        make_backbone("resnet-50", image_size=64)
    assert str(error.value).startswith("No backbone is called 'resnet-50'. Did you mean resnet50")


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("alexnet", 31, "image_size is 31; alexnet needs at least 32 pixels."),
        ("vit_b_16", 100, "image_size is 100; vit_b_16 needs a multiple of 16. Nearest: 96."),
        ("vit_b_16", 33, "image_size is 33; vit_b_16 needs a multiple of 16. Nearest: 32."),
    ],
)
def test_a_size_that_a_backbone_cannot_see_is_one_line(name: str, size: int, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_backbone(name, image_size=size)
    assert str(error.value) == said


def test_a_seed_gives_the_same_network_again() -> None:
    made: list[Backbone] = []
    for _ in range(2):
        torch.manual_seed(5)
        made.append(make_backbone("resnet50", image_size=32))
    first, second = (backbone.state_dict() for backbone in made)
    assert all(torch.equal(first[key], second[key]) for key in first)
