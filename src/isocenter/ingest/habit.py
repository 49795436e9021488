"""Which files belong together where nobody has said: by how scans and masks are usually called.

A file's name without extension is read from its end, its words parted by _ - . or a space:

    [CASE_]SEQUENCE          an image: PET, CT, MR_T1, BraTS_001_t1ce
    [CASE_]SEQUENCE_MASK     the mask of that image: PET_mask, P1_CT_seg
    [CASE_]MASK              a mask of all images of the case: seg, P1_gtv
    CASE and CASE_MASK       an image and its mask, where no sequence is named

CASE may be missing where each case has a folder. This is taken up only where more than half of the cases have the same
files, at least two; it is shown, and `--image` or `--mask` put it aside.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from isocenter.case import IMAGE, MASK
from isocenter.errors import Fault
from isocenter.ingest.columns import count
from isocenter.ingest.files import Item
from isocenter.ingest.lone import imageless
from isocenter.ingest.roles import Played, Role, Unit, complete
from isocenter.wording import listed

_MASK_WORD = re.compile(r"(mask|seg|segmentation|label|gtv|roi)s?", re.IGNORECASE)
_MODALITY = re.compile(r"mri?", re.IGNORECASE)  # says less than the sequence behind it
_SEQUENCE = re.compile(
    r"pet|suv|fdg|ct|cbct|cect|ldct|mri?|(t1|t2)(w|n|c|ce|gd|f)?|t2flair|flair|adc|dwi|swi|dce|pdw?|cbf|cbv",
    re.IGNORECASE,
)
_ADDED = re.compile(r"ce|gd|pre|post", re.IGNORECASE)  # behind a sequence: T1_post
_SEPARATOR = re.compile(r"([_\-. ]+)")
Kind = tuple[str, str]  # role and name


@dataclass(frozen=True)
class _Called:
    """A file as its name has it. place: the folder it lies in; head: what is before the words that are known."""

    item: Item
    place: str
    head: str
    sequence: str
    mask: str

    @classmethod
    def of(cls, item: Item) -> _Called:
        pieces = _SEPARATOR.split(item.stem)
        words, n = pieces[::2], len(pieces[::2])
        mask = words[-1] if _MASK_WORD.fullmatch(words[-1]) else ""
        stop = n - bool(mask)
        start = stop
        while start and (_SEQUENCE.fullmatch(words[start - 1]) or _ADDED.fullmatch(words[start - 1])):
            start -= 1
        while start < stop and _ADDED.fullmatch(words[start]):
            start += 1
        named = words[start:stop]
        if len(named) > 1 and _MODALITY.fullmatch(named[0]):
            named = named[1:]
        head = "".join(pieces[: 2 * start - 1]) if start else ""
        return cls(item, item.path.rpartition("/")[0], head, "_".join(named).upper(), mask)

    @property
    def case_id(self) -> str:
        own = "" if self.head == self.place.rpartition("/")[2] else self.head
        return "/".join(filter(None, (self.place, own))) or "case"

    def pattern(self, case_id: str) -> str:
        """The glob that `--image` or `--mask` would take: anything where the name has the case, else as it is."""
        named = self.head and self.case_id == case_id
        return f"*{self.item.name.removeprefix(self.head)}" if named else self.item.name


Group = dict[Kind, list[_Called]]


def by_habit(items: Sequence[Item], like: Sequence[Kind] = ()) -> tuple[list[Unit], list[str]] | None:
    """Cases with named images and masks, and notes that say which; None where the names follow no habit.

    like: what a case has elsewhere, if its files have names; then this is looked for, however few cases have it.
    """
    like = like if len(like) > 1 else ()  # the only image of a case is called anything
    called = [_Called.of(item) for item in items]
    groups, alone = _grouped(called)
    usual = list(like) or _usual(list(groups.values()))
    full = [group for group in groups.values() if all(len(group.get(kind, ())) == 1 for kind in usual)]
    if len(usual) < 2 or (not like and 2 * len(full) <= len(groups)):
        return None
    kept = {case_id: group for case_id, group in groups.items() if any(k in group for k in usual if k[0] == IMAGE)}
    if not kept:
        return None
    units = [_unit(case_id, group, usual) for case_id, group in kept.items()]
    lost = _imageless(alone, usual)
    units += [
        imageless(case_id, masks[0].item, [name for role, name in usual if role == IMAGE])
        for case_id, masks in lost.items()
        if case_id not in kept
    ]
    idle = len(items) - sum(len(group.get(kind, ())) for group in kept.values() for kind in usual)
    idle -= sum(len(masks) for case_id, masks in lost.items() if case_id not in kept)
    notes = [f"Called otherwise and not used: {count(idle, 'file')}."] if idle else []
    return units, [*(_said(group, usual) for group in full[:1]), *notes]


def _grouped(called: Sequence[_Called]) -> tuple[dict[str, Group], list[_Called]]:
    """Images of each case by their names, then masks: by the case in their own name, else of the only case near.

    Then masks that no case has, in whose folder there is no image or several.
    """
    groups: dict[str, Group] = {}
    near: dict[str, set[str]] = defaultdict(set)
    alone: list[_Called] = []
    for one in called:
        if not one.mask:
            groups.setdefault(one.case_id, {}).setdefault((IMAGE, one.sequence or "image"), []).append(one)
            near[one.place].add(one.case_id)
    for one in called:
        if not one.mask:
            continue
        if one.case_id in groups:
            group = groups[one.case_id]
            name = one.sequence or one.mask.lower()
        elif len(near[one.place]) == 1:
            group = groups[next(iter(near[one.place]))]
            name = "_".join(filter(None, (one.head, one.sequence)))
        else:
            alone.append(one)
            continue
        group.setdefault((MASK, name), []).append(one)
    return groups, alone


def _imageless(alone: Sequence[_Called], usual: Sequence[Kind]) -> dict[str, list[_Called]]:
    """Masks as the cases have them, of cases without any image: the case is in their name, else it is their folder."""
    found: dict[str, list[_Called]] = defaultdict(list)
    for one in alone:
        own = "_".join(filter(None, (one.head, one.sequence)))
        if (MASK, one.sequence or one.mask.lower()) in usual:
            found[one.case_id].append(one)
        elif (MASK, own) in usual:
            found[one.place or "case"].append(one)
    return found


def _usual(groups: Sequence[Group]) -> list[Kind]:
    """Roles and names that more than half of the cases have, images first."""
    counts = Counter(kind for group in groups for kind in group)
    found = [kind for kind, n in counts.items() if 2 * n > len(groups)]
    return sorted(found, key=lambda kind: kind[0] != IMAGE) if any(role == IMAGE for role, _ in found) else []


def _unit(case_id: str, group: Group, usual: Sequence[Kind]) -> Unit:
    images = [name for role, name in usual if role == IMAGE]
    played = [Played(one.item, Role(IMAGE, name, ""), "") for name in images for one in group.get((IMAGE, name), ())]
    unit = complete(case_id, played, images)
    masks = [(name, group.get((MASK, name), [])) for role, name in usual if role == MASK]
    sources = [replace(one.item.source, role=MASK, name=name) for name, found in masks for one in found[:1]]
    faults = [unit.fault, *_faults(case_id, masks)]
    return replace(unit, sources=(*unit.sources, *sources), fault=next((f for f in faults if f is not None), None))


def _faults(case_id: str, masks: Sequence[tuple[str, list[_Called]]]) -> Iterator[Fault]:
    for name, found in masks:
        if len(found) != 1:
            what = f"several masks {name}: {listed(one.item.path for one in found)}" if found else f"no mask {name}"
            code, remedy = "AmbiguousId" if found else "NoMatch", "Supply it, or say --mask and --image yourself."
            yield Fault(case_id, code, f"{case_id} has {what}.", remedy)
        elif found[0].item.fault is not None:
            yield replace(found[0].item.fault, where=case_id)


def _said(group: Group, usual: Sequence[Kind]) -> str:
    case_id = group[usual[0]][0].case_id
    told = {
        role: ",".join(f"{name}={group[role, name][0].pattern(case_id)}" for r, name in usual if r == role)
        for role in (IMAGE, MASK)
    }
    parts = " ".join(f"--{role} '{texts}'" for role, texts in told.items() if texts)
    return f"{len(usual)} files a case, by how they are called: {parts}; say --image and --mask where it is otherwise."
