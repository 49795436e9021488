"""The cases that are shown: pictures as data, what was predicted and how sure the model was."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from isocenter.reporting.picking import pick_cases
from isocenter.reporting.study import Study
from isocenter.reporting.words import counted, decimal, quantity

_PNG = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 3_500_000  # of all pictures together: the page stays under 6 MB


def gallery(study: Study) -> list[dict[str, Any]]:
    """Worst errors, then typical cases: {"title", "about", "cards"}; groups without cases are left out."""
    table = study.predictions.get(str(study.primary.get("name")))
    if table is None or table.empty:
        return []
    chosen = pick_cases(table, study.target)
    part = table[table["part"] == "test"] if "part" in table else table
    shown = part[part["case_id"].isin([*chosen["worst"], *chosen["typical"]])]  # of a million rows, a dozen
    rows: dict[str, Mapping[Any, Any]] = {str(row["case_id"]): row for row in shown.to_dict("records")}
    pictures = data_urls([*chosen["worst"], *chosen["typical"]], study.thumbnails)
    groups = []
    for kind, (heading, about) in _texts(study, part).items():
        cards = [_card(study, case_id, rows[case_id], pictures.get(case_id, "")) for case_id in chosen[kind]]
        if cards:
            groups.append({"title": heading, "about": about, "cards": cards})
    return groups


def _texts(study: Study, part: pd.DataFrame) -> dict[str, tuple[str, str]]:
    if study.target.is_value:
        return {
            "worst": ("Largest errors", "The test cases whose prediction is furthest from the measurement."),
            "typical": ("Typical errors", "Test cases with an error of median size."),
        }
    known = part[part["prediction"].notna() & part["reference"].notna()]
    wrong = int((known["prediction"].astype(str) != known["reference"].astype(str)).sum())
    of = f"{counted(len(known), 'test case')}"
    verb = "is" if wrong == 1 else "are"
    return {
        "worst": ("Worst errors", f"{wrong} of {of} {verb} called wrongly; first those the model was surest of."),
        "typical": ("Typical cases", "Rightly called, with the median confidence of their class."),
    }


def data_urls(case_ids: Iterable[str], thumbnails: Mapping[str, bytes]) -> dict[str, str]:
    """Data URLs by case id, as far as a page can carry them; what is no PNG is left out."""
    found: dict[str, str] = {}
    room = MOST_BYTES
    for case_id in dict.fromkeys(case_ids):
        png = thumbnails.get(case_id, b"")
        if png.startswith(_PNG) and len(png) <= room:
            room -= len(png)
            found[case_id] = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return found


def _card(study: Study, case_id: str, row: Mapping[Any, Any], picture: str) -> dict[str, Any]:
    patient = row.get("patient_id")
    card: dict[str, Any] = {"id": case_id, "patient": "" if pd.isna(patient) else str(patient), "picture": picture}
    if study.target.is_value:
        error = float(row["prediction"]) - float(row["reference"])
        sign = "+" if error > 0 else ""
        said = {"reference": quantity(float(row["reference"])), "prediction": quantity(float(row["prediction"]))}
        return card | said | {"error": f"{sign}{quantity(error)}"}
    reference, prediction = str(row["reference"]) or "none", str(row["prediction"]) or "none"
    proba = float(row.get(f"probability_{prediction}", float("nan")))
    of_truth = float(row.get(f"probability_{reference}", float("nan")))
    return card | {
        "reference": reference,
        "prediction": prediction,
        "right": reference == prediction,
        "probability": decimal(proba, 2),
        "of_reference": decimal(of_truth, 2),
        "share": round(100 * proba, 1) if math.isfinite(proba) else 0.0,
    }
