"""What a study shows: its page, and every sentence that must not be missed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from isocenter import (
    checking,
    preparation,
    reporting,
    scoring,
)
from isocenter.auditing import (
    Audit,
    alarms,
    audit_cohort,
)
from isocenter.auditing.suspicions import LITTLE, MODELS, STANDS_IN
from isocenter.case import Case
from isocenter.cohort import Cohort
from isocenter.errors import UsageError
from isocenter.evaluation import Comparison, Evaluation
from isocenter.ingest.assemble import IMPUTED
from isocenter.ingest.target import LONELY
from isocenter.model import Model
from isocenter.splitting import Design


def report(
    cohort: Cohort,
    design: Design,
    models: Sequence[Model],
    evaluations: dict[str, Evaluation] | None = None,
    predictions: dict[str, pd.DataFrame] | None = None,
    *,
    audit: Audit | None = None,
    thumbnail: Callable[[Case], bytes] = preparation.thumbnail,
    command: str = "",
    options: dict[str, Any] | None = None,
    comparisons: Sequence[Comparison] = (),
    readers: Mapping[str, Any] | None = None,
    around: Mapping[str, Any] | None = None,
) -> str:
    """One self-contained HTML page; the first model is the primary one.

    evaluations, predictions: by model name, made now where they are not given; thumbnail: a
    case's picture as PNG; command, options: how to repeat the study, for its last section; around:
    what surrounds the numbers ("shortcuts", "sample_size", "seeds", "learning"), as far as it is known.
    """
    checking.kind(cohort, Cohort, "cohort")
    checking.kind(design, Design, "design")
    audit = audit or audit_cohort(cohort, None, ())
    if design.several and predictions is None:
        raise UsageError(
            "A report of a design of several splits needs the predictions of its folds.",
            "Give evaluations and predictions, or use isocenter.run.",
        )
    predictions = predictions or {m.name: scoring.scores(m, cohort, design) for m in models}
    evaluations = evaluations or {n: scoring.evaluate_table(t, n, cohort, design) for n, t in predictions.items()}
    if design.several:
        predictions = {name: table[table["repeat"] == 0] for name, table in predictions.items()}
    first = predictions[models[0].name]
    pictures: dict[str, bytes] = {}
    if not cohort.features and cohort.target is not None:
        chosen = reporting.pick_cases(first[first["part"] == "test"], cohort.target)
        ids = dict.fromkeys(i for some in chosen.values() for i in some)
        pictures = {case.case_id: thumbnail(case) for case in cohort.select(ids).cases}
    return reporting.render(
        reporting.Study(
            title=Path((options or {}).get("input", "")).name or "Study",
            cohort=cohort,
            design=design,
            audit=audit.to_dict(),
            models=[{**model.card, "decision": model.decision.told()} for model in models],
            evaluations=evaluations,
            predictions=predictions,
            thumbnails=pictures,
            command=command,
            options=options or {},
            versions=dict(models[0].card["versions"]),
            notes=cohort.notes,
            around=around or {},
            warnings=warnings(cohort, audit, design, (around or {}).get("shortcuts", ())),
            comparisons=comparisons,
            readers=readers or {},
            units=scoring.patient_rows(predictions),
        )
    )


def warnings(
    cohort: Cohort, audit: Audit, design: Design, shortcuts: Sequence[Mapping[str, Any]] = ()
) -> tuple[str, ...]:
    """Every sentence that must not be missed, each once."""
    return tuple(dict.fromkeys((*cohort.warnings, *audit.warnings, *design.warnings, *alarms(shortcuts))))


def without_models(told: Sequence[str]) -> list[str]:
    """Of these sentences those that hold where nothing is trained and tested: about the data, not about its parts."""
    kept = [said for said in told if not said.endswith((LONELY, LITTLE)) and MODELS not in said]
    return [said.removesuffix(STANDS_IN).replace(IMPUTED, "") for said in kept]
