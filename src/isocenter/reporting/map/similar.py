"""The cases nearest to one, with pictures and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from isocenter.reporting.map.atlas import Atlas, Card, Group, Section, Table

_COLUMNS = 8


def similar_atlas(told: Mapping[str, Any], columns: pd.DataFrame, thumbnails: Mapping[str, bytes]) -> Atlas:
    """The page, without a map. told: as `Mapping.similar` gives it."""
    target, cases = told["target"], told["cases"]

    def card(one: Mapping[str, Any]) -> Card:
        lines = [f"distance {one['distance']:.4g}"]
        if target:
            lines.append(f"{target} {one[target]}")
        if told["patient"] is not None and one.get("patient_id") == told["patient"]:
            lines.append("same patient")
        return Card((one["case_id"],), tuple(lines))

    names = [name for name in (cases[0] if cases else {}) if name not in ("case_id", "distance")][:_COLUMNS]
    rows = tuple(
        (str(one["case_id"]), f"{one['distance']:.4g}", *("" if one[n] is None else str(one[n]) for n in names))
        for one in cases
    )
    tables = (Table("Nearest cases", ("Case", "Distance", *names), rows),) if rows else ()
    groups = (
        Group("The case", "", (Card((told["case"],)),)),
        Group("Nearest", "the nearest first", tuple(card(one) for one in cases)),
    )
    others = f"{told['of']} {'' if told['new'] else 'other '}cases"
    return Atlas(
        title=f"Cases like {told['case']}",
        kind="Similar cases",
        lede=f"The {len(cases)} nearest of {others}: {told['distance']} distance, {told['features']}. "
        f"{told['search']['sentence']}".strip(),
        columns=columns,
        answer=tuple(told["measured"]),
        warnings=(f"{told['case']}: {told['unlike']}.",) if told["unlike"] else (),
        sections=(Section("nearest", "Nearest cases", groups=groups, tables=tables),),
        thumbnails=thumbnails,
    )
