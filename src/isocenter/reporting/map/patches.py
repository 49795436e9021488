"""What `isocenter patches` kept and threw away, image by image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from isocenter.reporting.map.atlas import Atlas, Card, Group, Section, Table
from isocenter.reporting.words import counted

CARDS = 200  # images that are shown


def patches_atlas(
    told: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]], pictures: Mapping[str, bytes], title: str
) -> Atlas:
    """The page, without a map. told: counts, as `cutting.patches` gives them; records: of each image that was read;
    pictures: PNG of the first CARDS of them, what was thrown away pale.
    """
    images = f"{counted(told['images'], 'image')} found = {told['cut']} cut + {len(told['left_out'])} left out"
    lede = f"{images}. {told['kept']} of {told['positions']} patches kept: {told['size']} pixels a side"
    cards = tuple(Card((name,), (_kept(one), one["how"])) for name, one in list(records.items())[:CARDS])
    about = f"The first {CARDS} of {len(records)}; all in the table below." if len(records) > CARDS else ""
    rows = tuple((name, str(len(one["kept"])), str(one["positions"]), f"{one['most']:.1%}", one["how"])
                 for name, one in records.items())  # fmt: skip
    columns = ("Image", "Kept", "Looked at", "Most tissue", "How tissue was found")
    said = ("Kept patches have a line around them; the rest is pale.",)
    sections = [Section("kept", "Kept and thrown away", said, groups=(Group("", about, cards),))] if cards else []
    if told["left_out"]:
        faults = tuple((one["where"], one["code"], f"{one['reason']} {one['remedy']}") for one in told["left_out"])
        sections.append(Section("left-out", "Left out", tables=(Table("Left out", ("Image", "What", "Why"), faults),)))
    if told["rows"]:
        idle = tuple((one["where"], one["reason"]) for one in told["rows"])
        said = (f"{counted(len(idle), 'row')} of the table, to which no image belongs: none is counted above.",)
        sections.append(Section("rows", "Rows without an image", said, tables=(Table("Rows", ("Row", "Why"), idle),)))
    if rows:
        sections.append(Section("images", "Image by image", tables=(Table("Images", columns, rows),)))
    return Atlas(
        title=title,
        kind="Patches",
        lede=f"{lede}, every {told['stride']}, at least {told['tissue']:.0%} tissue.",
        columns=pd.DataFrame(index=list(records)),
        sections=tuple(sections),
        thumbnails=pictures,
    )


def _kept(record: Mapping[str, Any]) -> str:
    return f"{len(record['kept'])} of {counted(record['positions'], 'patch', 'patches')} kept"
