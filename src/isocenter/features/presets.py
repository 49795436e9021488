"""Which preset suits which image: as it was asked for, else by modality or the image's name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from isocenter.errors import UsageError
from isocenter.radiomics.settings import OF_RESPONSES
from isocenter.radiomics.written import settings_of
from isocenter.wording import listed

_BY_CODE = {"CT": "ct", "PT": "pet", "MR": "mr"}
_BY_NAME = (
    ("pet", re.compile(r"pet|suv|fdg", re.IGNORECASE)),
    ("ct", re.compile(r"(^|[^a-z])ct([^a-z]|$)", re.IGNORECASE)),
)
WITH_UNIT = ("ct", "pet")  # Hounsfield units, standardised uptake values
SCALE_FREE = "mr"  # equal bins within 3 standard deviations: for numbers without a unit


def presets_of(images: Sequence[str], given: Sequence[str], codes: Mapping[str, str | None]) -> dict[str, str]:
    """The preset of each image; UsageError for one that does not exist, or that no image takes."""
    pairs = [_whose(text) for text in given]
    for name, chosen in pairs:
        settings_of(chosen)
        if name and name not in images:
            raise UsageError(f"There is no image '{name}' for its preset.", f"Images: {', '.join(images)}.")
    of_all = [chosen for name, chosen in pairs if not name]
    own = {name: chosen for name, chosen in pairs if name}
    if len(of_all) > 1:
        raise UsageError(f"Several presets: {', '.join(of_all)}.", "Say whose each is: --preset IMAGE=PRESET.")
    return {name: own.get(name) or (of_all[0] if of_all else _guessed(name, codes.get(name))) for name in images}


def check_left(presets: Mapping[str, str], filters: Sequence[str], *, framed: bool) -> None:
    """UsageError for a preset (of each image by name) that leaves nothing to measure, and for filters without a use.

    framed: there are no masks, so the whole image is the region.
    """
    for image, chosen in presets.items():
        settings = settings_of(chosen)
        if not settings.suited(flat=False, framed=framed).named:
            why = "PyRadiomics has no names for them" if not settings.named else "they need a mask"
            raise UsageError(
                f"The preset '{chosen}' leaves nothing to measure of {image}: of the families "
                f"{listed(settings.families)} {why}.",
                f"Name others: {listed(settings_of(chosen.partition(':')[0]).named, 20)}"
                f"{'; or give masks' if settings.named else ''}.",
            )
    if filters and not any(has_responses(chosen) for chosen in presets.values()):
        raise UsageError(
            f"--image-filters {','.join(filters)} would change nothing: the families of "
            f"{listed(dict.fromkeys(presets.values()))} are not measured in responses.",
            f"Add one of these families: {listed(OF_RESPONSES, 20)}; or leave the filters out.",
        )


def mixed(image: str, given: Sequence[str], codes: Sequence[str | None]) -> str:
    """A sentence where nobody named the preset of an image whose cases would by themselves take several; else "".

    given: as in `presets_of`; codes: modality of each case's image, the first of which decided.
    """
    if any(name in ("", image) for name, _ in map(_whose, given)):
        return ""
    if len({_guessed(image, code) for code in codes}) < 2:
        return ""
    counts = Counter(code or "unknown" for code in codes)
    return (
        f"{image} is of several modalities ({listed(f'{code} {n}' for code, n in counts.items())}). The preset of the "
        f"first case, {_guessed(image, codes[0])}, was taken for all of them: their columns have different units, and "
        f"which case is first decides. Measure each modality by itself, give each a name of its own (--image CT=GLOB "
        f"--image PET=GLOB), or say what is meant for all: --preset {_guessed(image, codes[0])}."
    )


def has_responses(chosen: str) -> bool:
    """Whether anything that a preset measures is measured in responses to filters too."""
    return bool(settings_of(chosen).of_responses.named)


def _whose(text: str) -> tuple[str, str]:
    """Image ("": of all) and preset; what comes after the first colon are keys of the preset."""
    head, colon, keys = text.partition(":")
    name, equals, chosen = head.partition("=")
    return (name, chosen + colon + keys) if equals else ("", text)


def has_unit(chosen: str) -> bool:
    """Whether the intensities that a preset is for have a unit: Hounsfield units, standardised uptake values."""
    return chosen.partition(":")[0] in WITH_UNIT


def _guessed(name: str, code: str | None) -> str:
    if code:
        return _BY_CODE.get(code, SCALE_FREE)
    return next((chosen for chosen, pattern in _BY_NAME if pattern.search(name)), SCALE_FREE)
