"""Which files are images, which are masks, and which belong together: `--image` and `--mask`.

A role is `[NAME=]GLOB`, matched against an image's name and its path below INPUT. What the
wildcards of a glob stand for is the part of the name that image and mask have in common:
`*_img.nii.gz` and `*_mask.nii.gz` share the `*`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from types import MappingProxyType

from isocenter.case import IMAGE, MASK, Source
from isocenter.errors import EmptyInput, Fault
from isocenter.ingest.columns import count
from isocenter.ingest.files import Item, stem
from isocenter.wording import listed

_WILDCARD = re.compile(r"(\*+|\?|\[[^\]]+\])")


@dataclass(frozen=True)
class Role:
    """A glob with its name; what it is, "image" or "mask".

    rows: where the glob is a column of the table (`pathed`), the row of each image that it names, by path.
    """

    role: str
    name: str
    glob: str
    rows: Mapping[str, str] | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str, role: str) -> Role:
        name, equals, glob = text.partition("=")
        if equals and re.fullmatch(r"[\w.-]+", name):
            return cls(role, name, glob)
        return cls(role, role, text)

    def shared(self, item: Item) -> str | None:
        """What the wildcards stand for in this image's name or path, or its row; None where it has no part in this."""
        if self.rows is not None:
            return self.rows.get(item.path)
        pattern = "".join(
            _pattern(part) if i % 2 else re.escape(part) for i, part in enumerate(_WILDCARD.split(self.glob))
        )
        for text in (item.path,) if "/" in self.glob else (item.name, item.path):
            if (match := re.fullmatch(pattern, text, re.DOTALL)) is not None:
                return "\0".join(_but_extension(match.groups(), item.name))
        return None


def _but_extension(groups: tuple[str, ...], name: str) -> tuple[str, ...]:
    """What wildcards stand for, less the file's extension: images/*.jpg and masks/*.png share their names."""
    extension = name[len(stem(name)) :]
    if not groups or not extension:
        return groups
    last = groups[-1].removesuffix(extension)
    return (*groups[:-1], "" if last == extension[1:] else last)


def _pattern(wildcard: str) -> str:
    if wildcard[0] == "*":
        return "(.*)"
    return "(.)" if wildcard == "?" else f"([{wildcard[1:-1].replace('!', '^', 1)}])"


@dataclass(frozen=True)
class Played:
    """An image in its role; shared: what its wildcards stand for."""

    item: Item
    role: Role
    shared: str


@dataclass(frozen=True)
class Unit:
    """What will be one case: its sources, the image that speaks for it, and why it cannot be used."""

    case_id: str
    lead: Item
    sources: tuple[Source, ...]
    fault: Fault | None = None


def assign(
    items: Sequence[Item],
    image: Sequence[str],
    mask: Sequence[str],
    rows: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> tuple[list[Unit], list[str]]:
    """Cases with images and masks, and notes. Without roles each image is a case. Raises EmptyInput.

    rows: of columns of the table that roles name (`pathed`).
    """
    images = [_parsed(text, IMAGE, rows) for text in image] or [Role(IMAGE, "image", "")]
    masks = [_parsed(text, MASK, rows) for text in mask]
    played = [_play(item, [*masks, *images], anything=not image) for item in items]
    acting = [p for p in played if p is not None]
    _refuse_idle(acting, masks + (images if image else []), items)
    units = _group_images([p for p in acting if p.role.role == IMAGE], images)
    finder = MaskFinder([p for p in acting if p.role.role == MASK], [p for p in acting if p.role.role == IMAGE])
    names = list(dict.fromkeys(m.name for m in masks))
    idle = len(played) - len(acting)
    notes = [f"{count(idle, 'image')} play no part in {_flags(image, mask)} and are not used."] if idle else []
    return [_with_masks(unit, lead, names, finder) for unit, lead in units], notes


def _parsed(text: str, role: str, rows: Mapping[str, Mapping[str, str]]) -> Role:
    found = Role.parse(text, role)
    return replace(found, rows=rows.get(found.glob))


def _play(item: Item, roles: Iterable[Role], *, anything: bool) -> Played | None:
    for role in roles:
        if role.role == IMAGE and anything:
            return Played(item, role, item.stem)
        if (shared := role.shared(item)) is not None:
            return Played(item, role, shared)
    return None


def _flags(image: Sequence[str], mask: Sequence[str]) -> str:
    return " ".join([*(f"--image {g}" for g in image), *(f"--mask {g}" for g in mask)])


def _refuse_idle(acting: Sequence[Played], roles: Iterable[Role], items: Sequence[Item]) -> None:
    busy = {p.role for p in acting}
    for role in roles:
        if role not in busy:
            names = Counter(item.name for item in items)
            if role.rows is not None:
                raise EmptyInput(
                    f"No image is one that column '{role.glob}' names (--{role.role}).",
                    f"Paths start at the table or at INPUT. Files here: {listed((i.path for i in items), 4)}.",
                )
            raise EmptyInput(
                f"No file is called {role.glob} (--{role.role}).",
                f"Names here: {listed((n for n, _ in names.most_common()), 8)}.",
            )


def _group_images(images: Sequence[Played], roles: Sequence[Role]) -> list[tuple[Unit, Played]]:
    """Each image a case; where roles have several names, one image of each name makes a case."""
    names = list(dict.fromkeys(role.name for role in roles))
    if len(names) == 1:
        return [(_unit(p.item.case_id, [p]), p) for p in images]
    groups: dict[str, list[Played]] = defaultdict(list)
    for p in images:
        groups[_group(p)].append(p)
    return [(complete(key, members, names), members[0]) for key, members in groups.items()]


def _group(p: Played) -> str:
    """What makes images one case: their folder and what wildcards stand for, or their row."""
    if p.role.rows is not None:
        return p.shared
    return "/".join(filter(None, (p.item.folder, p.shared.replace("\0", "-")))) or "case"


def _unit(case_id: str, members: Sequence[Played]) -> Unit:
    lead = members[0].item
    sources = tuple(replace(p.item.source, name=p.role.name) for p in members)
    faults = [p.item.fault for p in members if p.item.fault is not None]
    return Unit(case_id, lead, sources, replace(faults[0], where=case_id) if faults else None)


def complete(case_id: str, members: list[Played], names: Sequence[str]) -> Unit:
    """A case of several named images, in the order of the names; a fault where one lacks or is twice there.

    A table may call it by its own name, beside the names of its first image.
    """
    have = Counter(p.role.name for p in members)
    unit = _unit(case_id, sorted(members, key=lambda p: names.index(p.role.name)))
    own = {"case": case_id, "case without its folder": case_id.rpartition("/")[2]}
    unit = replace(unit, lead=replace(unit.lead, keys=unit.lead.keys | own))
    if lacking := [n for n in names if not have[n]]:
        fault = Fault(
            case_id, "NoMatch", f"{case_id} has no {listed(lacking)} image.", "Supply it, or leave the case out."
        )
        return replace(unit, fault=fault)
    if twice := [n for n in names if have[n] > 1]:
        files = listed(p.item.path for p in members if p.role.name in twice)
        fault = Fault(
            case_id, "AmbiguousId", f"{case_id} has several {listed(twice)} images: {files}.", "Narrow --image."
        )
        return replace(unit, fault=fault)
    return unit


def _with_masks(unit: Unit, lead: Played, names: Sequence[str], finder: MaskFinder) -> Unit:
    """The case with one mask of each name; a fault where one is not found."""
    masks = {name: finder.find(lead, name) for name in names}
    sources = [replace(m.item.source, role=MASK, name=name) for name, m in masks.items() if m is not None]
    faults = [unit.fault, *(_no_mask(unit, lead, name) if m is None else m.item.fault for name, m in masks.items())]
    first = next((f for f in faults if f is not None), None)
    return replace(
        unit, sources=(*unit.sources, *sources), fault=None if first is None else replace(first, where=unit.case_id)
    )


def _no_mask(unit: Unit, lead: Played, name: str) -> Fault:
    reason = f"No {name} belongs to {lead.item.path}."
    return Fault(unit.case_id, "NoMatch", reason, "Supply it, or leave the case out with --exclude.")


class MaskFinder:
    """Finds the mask of an image: same wildcards, else the only one near, else the likest name."""

    def __init__(self, masks: Sequence[Played], images: Sequence[Played]) -> None:
        self._exact: dict[tuple[str, str, str], Played] = {}
        self._shared: dict[tuple[str, str], list[Played]] = defaultdict(list)
        self._below: dict[tuple[str, str], list[Played]] = defaultdict(list)
        for p in masks:
            self._exact.setdefault((p.role.name, p.item.folder, p.shared), p)
            self._shared[p.role.name, p.shared].append(p)
            for folder in above(p.item.folder):
                self._below[p.role.name, folder].append(p)
        self._images_below = Counter(folder for p in images for folder in above(p.item.folder))
        self._mask_stems = _stems(masks)
        self._image_stems = _stems(images)

    def find(self, image: Played, name: str) -> Played | None:
        folder = image.item.folder
        if (exact := self._exact.get((name, folder, image.shared))) is not None:
            return exact
        if image.shared and len(same := self._shared[name, image.shared]) == 1:
            return same[0]
        if image.role.rows is not None:
            return None
        return self._only(folder, name) or self._likest(image, name)

    def _only(self, folder: str, name: str) -> Played | None:
        """The only mask in the nearest folder that has any, if it cannot be another image's."""
        for place in above(folder):
            if near := self._below.get((name, place)):
                fixed = place == folder and not _WILDCARD.search(near[0].role.glob)
                return near[0] if len(near) == 1 and (fixed or self._images_below[place] == 1) else None
        return None

    def _likest(self, image: Played, name: str) -> Played | None:
        """The mask in the same folder with the longest common beginning, if each is the other's likest."""
        masks = self._mask_stems.get((image.item.folder, name), [])
        mask = _nearest(image.item.stem, masks)
        if mask is None or not _same_beginning(image.item.stem, mask.item.stem):
            return None
        back = _nearest(mask.item.stem, self._image_stems.get((image.item.folder, image.role.name), []))
        return mask if back is not None and back.item is image.item else None


def above(folder: str) -> list[str]:
    """A folder and those above it: a/b, a, and "" for INPUT."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:i]) for i in range(len(parts), -1, -1)]


def _stems(played: Sequence[Played]) -> dict[tuple[str, str], list[tuple[str, Played]]]:
    """Names in each folder and role, in alphabetical order: the likest ones are neighbours."""
    stems: dict[tuple[str, str], list[tuple[str, Played]]] = defaultdict(list)
    for p in played:
        stems[p.item.folder, p.role.name].append((p.item.stem, p))
    return {key: sorted(pairs, key=lambda pair: pair[0]) for key, pairs in stems.items()}


def _nearest(text: str, pairs: list[tuple[str, Played]]) -> Played | None:
    """The one with the longest common beginning; None where two are equally like."""
    at = bisect_left(pairs, text, key=lambda pair: pair[0])
    near = [(_common(text, s), p) for s, p in pairs[max(at - 2, 0) : at + 2]]
    best = max((n for n, _ in near), default=0)
    likest = [p for n, p in near if n == best]
    return likest[0] if best and len(likest) == 1 else None


def _common(first: str, second: str) -> int:
    """How many letters two names have in common from their beginning."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, second))
    return sum(1 for _ in same)


def _same_beginning(first: str, second: str) -> bool:
    """Whether the common beginning does not end inside a number: P01_ct and P012_mask are strangers."""
    n = _common(first, second)
    return not (first[n - 1 : n].isdigit() and (first[n : n + 1].isdigit() or second[n : n + 1].isdigit()))
