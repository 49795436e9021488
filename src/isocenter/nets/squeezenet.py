"""SqueezeNet 1.1 without its classifier: 722,496 parameters.

Iandola et al., SqueezeNet: AlexNet-level accuracy with 50x fewer parameters, arXiv 1602.07360; version 1.1
pools earlier and needs 2.4 times less work. Pooling keeps partial windows, as Caffe does, where it was trained.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Fire(nn.Module):
    """1x1 convolutions to few channels, then 1x1 and 3x3 side by side to twice `expanded`."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, 2 * expanded, h, w)."""
        x = torch.relu(self.squeeze(x))
        return torch.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], 1))


class SqueezeNet(nn.Module):
    """(n, 3, h, w) to (n, 512): the mean of the last layer over the picture. Pictures of at least 17 x 17."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), _pool(), Fire(64, 16, 64), Fire(128, 16, 64),
            _pool(), Fire(128, 32, 128), Fire(256, 32, 128),
            _pool(), Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """One vector a picture."""
        found: Tensor = self.features(x)
        return found.mean(dim=(2, 3))


def _pool() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, stride=2, ceil_mode=True)
