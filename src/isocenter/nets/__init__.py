"""Networks: the only room that imports torch, and only when a network is really needed.

    backbones      what there is: name, weights file, its SHA-256, input, where it comes from
    weights        a weights file found and checked before it is read
    squeezenet     the architecture, layers named as in the weights file
    embedding      pictures in batches to vectors

Pictures and vectors go in and out as arrays. Importing this room needs no torch: the extra `deep`.
"""

from isocenter.nets.backbones import BACKBONES, Backbone, backbone
from isocenter.nets.embedding import Embedder, require

__all__ = ["BACKBONES", "Backbone", "Embedder", "backbone", "require"]
