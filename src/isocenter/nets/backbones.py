"""The frozen networks that turn a picture into a vector, each with the one weights file that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass

from isocenter.errors import UsageError


@dataclass(frozen=True)
class Backbone:
    """build: import path of the module; file, sha256, size: its weights (.npz), known by content.

    width: numbers in a vector; side: pixels a side of its input; means: taken from the channels
    (in the order of `channels`), which run 0..255; source: where the weights come from, with licence.
    """

    build: str
    file: str
    sha256: str
    size: int
    width: int
    side: int
    channels: str
    means: tuple[float, float, float]
    source: str


# A further backbone is an entry here, and a file beside `squeezenet` if its architecture is new.
BACKBONES: dict[str, Backbone] = {
    "squeezenet": Backbone(
        build="isocenter.nets.squeezenet:SqueezeNet",
        file="squeezenet1_1_features_caffe.npz",
        sha256="91a8e9b685e815346691c6d4ce74863c6dc59c99f766e6b787701880062f6329",
        size=2_697_874,
        width=512,
        side=224,
        channels="BGR",
        means=(103.939, 116.779, 123.68),
        source="SqueezeNet 1.1, ImageNet (Iandola et al. 2016, BSD-2); weights by DeepCognition/keras-squeezenet (MIT)",
    ),
}


def backbone(name: str) -> Backbone:
    """The backbone of this name; UsageError lists what there is."""
    if name not in BACKBONES:
        raise UsageError(f"There is no backbone '{name}'.", f"Backbones: {', '.join(BACKBONES)}.")
    return BACKBONES[name]
