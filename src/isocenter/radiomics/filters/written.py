"""Filters as text, as the command line takes them: NAME[:key=value]..., log:sigma_mm=3 or wavelet:wavelet=haar:level=2.

Keys are the fields of the filter's kind (`kinds`). Numbers of a Riesz order are joined by dots, 1.0.0: commas part
filters. A wavelet without a band stands for all bands that differ; Laws without kernels for "L5E5E5", in the plane for
"L5E5".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import product
from typing import Any, get_type_hints

from isocenter.errors import UsageError
from isocenter.radiomics.filters.kinds import KINDS, Filter, Laws, Wavelet, distinct

_TRUTHS = {"true": True, "false": False}


def filters_of(texts: Sequence[str], *, by_slice: bool) -> tuple[Filter, ...]:
    """The filters that are written; by_slice: in the plane, where a text does not say otherwise itself.

    Raises UsageError for a name, key or value that is not known, a filter that is there twice, and one for three
    dimensions in the plane or the other way round.
    """
    return distinct([one for text in texts for one in _read(text, by_slice=by_slice)])


def check(texts: Sequence[str], *, by_slice: bool) -> None:
    """UsageError for what is wrong whatever the image; before one is read nothing tells volumes from flat pictures."""
    try:
        filters_of(texts, by_slice=by_slice)
    except UsageError:
        if by_slice:
            raise
        try:
            filters_of(texts, by_slice=True)
        except UsageError:
            pass
        else:
            return
        raise


def _read(text: str, *, by_slice: bool) -> list[Filter]:
    name, *pairs = (part.strip() for part in text.split(":"))
    if name not in KINDS:
        raise UsageError(f"There is no image filter '{name}'.", f"Known: {', '.join(KINDS)}.")
    kind = KINDS[name]
    given: dict[str, Any] = {"by_slice": by_slice}
    said: set[str] = set()
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if key in said:
            raise UsageError(f"{key} is there twice in '{text}'.", "Name each once.")
        given[key] = _value(kind, key, value, text) if equals else _unsaid(key, text)
        said.add(key)
    try:
        return _made(kind, given)
    except UsageError as wrong:
        plane = ", in the plane" if given["by_slice"] else ""
        raise UsageError(f"The image filter '{text}' cannot be{plane}: {wrong.what}", wrong.remedy) from None


def _made(kind: type[Filter], given: dict[str, Any]) -> list[Filter]:
    if kind is Laws and given["by_slice"]:
        given = {"kernels": "L5E5", **given}
    if kind is Wavelet and "band" not in given:
        turned = given.get("rotations", True)
        return [Wavelet(**given, band=band) for band in _bands(2 if given["by_slice"] else 3, turned=turned)]
    return [kind(**given)]


def _bands(axes: int, *, turned: bool) -> list[str]:
    """All of them; where all turns are pooled, only one of those that are turns of each other: LLH, LHH."""
    if turned:
        return ["L" * (axes - high) + "H" * high for high in range(axes + 1)]
    return ["".join(band) for band in product("LH", repeat=axes)]


def _unsaid(key: str, text: str) -> Any:
    raise UsageError(f"'{key}' in the image filter '{text}' has no value.", "Write NAME:key=value:key=value.")


def _value(kind: type[Filter], key: str, value: str, text: str) -> object:
    known = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    if key not in names:
        raise UsageError(f"The image filter '{text}' has no '{key}'.", f"{kind.name} knows {', '.join(names)}.")
    try:
        return _converted(value, str(known[key]))
    except ValueError:
        raise UsageError(f"'{key}={value}' in the image filter '{text}' cannot be.", _wanted(str(known[key]))) from None


def _converted(value: str, hint: str) -> object:
    """`value` as the annotation `hint` of a field has it; ValueError where it is not like that."""
    if value.lower() == "none" and "None" in hint:
        return None
    if "bool" in hint:
        if value.lower() not in _TRUTHS:
            raise ValueError(value)
        return _TRUTHS[value.lower()]
    if "tuple" in hint:
        return tuple(int(part) for part in value.split("."))
    if "int" in hint:
        return int(value)
    return float(value) if "float" in hint else value


def _wanted(hint: str) -> str:
    kinds = {"bool": "true or false", "tuple": "numbers joined by dots, such as 1.0.0", "int": "a whole number"}
    wanted = next((text for name, text in kinds.items() if name in hint), "a number")
    return f"Give {wanted}{', or none' if 'None' in hint else ''}."
