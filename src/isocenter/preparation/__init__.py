"""A case made ready: its image and mask, what they are like, a picture, and what a model accepts."""

from isocenter.preparation.cases import image_source, mask_source, read_case
from isocenter.preparation.describe import facts
from isocenter.preparation.pictures import Look, parse_window, pictures
from isocenter.preparation.profile import Profile
from isocenter.preparation.results import per_case
from isocenter.preparation.thumbnails import thumbnail

__all__ = [
    "Look", "Profile", "facts", "image_source", "mask_source", "parse_window", "per_case", "pictures", "read_case",
    "thumbnail",
]  # fmt: skip
