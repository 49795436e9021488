"""Masks whose image is not there: cases that are left out, so that none disappears without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from isocenter.case import IMAGE, MASK
from isocenter.errors import Fault
from isocenter.ingest.files import Item
from isocenter.ingest.roles import Role, Unit, above
from isocenter.wording import listed


def imageless(case_id: str, mask: Item, names: Iterable[str]) -> Unit:
    """The case that a mask speaks of, without sources, with its fault. names: of the images that it lacks."""
    own = {"case": case_id, "case without its folder": case_id.rpartition("/")[2]}
    called = listed(name for name in names if name != "image")
    reason = f"{case_id} has the mask {mask.path} and no {called + ' ' if called else ''}image."
    fault = Fault(case_id, "NoMatch", reason, "Supply it, or leave the case out.")
    return Unit(case_id, replace(mask, keys=mask.keys | own), (), fault)


def lone(
    items: Sequence[Item], units: Sequence[Unit], image: Sequence[str], mask: Sequence[str], columns: Container[str]
) -> list[Unit]:
    """Of the masks that `--mask` names, those that no case has and near which, or called like which, no image lies.

    units: the cases, as `roles.assign` gives them; columns: roles that are columns of the table, whose rows say
    what is missing.
    """
    roles = [role for role in (Role.parse(text, MASK) for text in mask) if role.glob not in columns]
    images = [Role.parse(text, IMAGE) for text in image]
    if not roles or any(role.glob in columns for role in images):
        return []
    taken = {source.files: source.role for unit in units for source in unit.sources}
    shown = [item for item in items if taken.get(item.source.files) == IMAGE]
    shares = {part for item in shown for part in _shares(item, images)}
    near = Counter(folder for item in shown for folder in above(item.folder))
    stems = {(item.folder, item.stem) for item in shown}
    names = list(dict.fromkeys(role.name for role in images))
    found: dict[str, Unit] = {}
    for item in items:
        shared = next((s for s in (role.shared(item) for role in roles) if s is not None), None)
        if shared is None or item.source.files in taken:
            continue
        if shared:
            begins = any((item.folder, item.stem[:n]) in stems for n in range(1, len(item.stem)))
            other = begins or shared.partition("\0")[0] in shares
        else:
            other = near[item.folder] > 0 or near[next((f for f in above(item.folder) if near[f]), "")] == 1
        case_id = "/".join(filter(None, (item.folder, shared.replace("\0", "-")))) or "case"
        if not other:
            found.setdefault(case_id, imageless(case_id, item, names))
    return [unit for case_id, unit in found.items() if case_id not in {one.case_id for one in units}]


def _shares(item: Item, images: Sequence[Role]) -> Iterable[str]:
    """What an image has in common with its mask, by each glob that it answers to."""
    found = (role.shared(item) for role in images) if images else (item.stem,)
    return (shared.partition("\0")[0] for shared in found if shared is not None)
