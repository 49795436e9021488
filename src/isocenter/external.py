"""External testing: a saved model on other people's patients, without refitting anything.

The internal numbers stand beside the external ones, and the case mix of both, since a model can
do worse because its patients differ and not because it learned less. Whoever was in the training
data is found and left out. Recalibration is shown apart and is cross-fitted by patient: it says
what updating the model here would bring, not how the model does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isocenter import checking, ingest, predicting, preparation, scoring
from isocenter.auditing import compare_case_mix, describe_case_mix, seen
from isocenter.cohort import Cohort
from isocenter.deciding import calibrators, torn_warning
from isocenter.errors import BadTarget, Fault, SeenInTraining, UsageError
from isocenter.evaluation import Estimate, Evaluation
from isocenter.evaluation.calibrated import DISTANCES
from isocenter.evaluation.groups import subgroups as subgroups_of
from isocenter.metrics.recalibration import KINDS
from isocenter.model import Decision, Model
from isocenter.prediction import Prediction
from isocenter.splitting import allocate, strata_of

PART = "external"
RECALIBRATED = "recalibrated"
FOLDS = 5
_OF_PROBABILITIES = frozenset(
    {"brier", "scaled_brier", "ici", "ece", "calibration_slope", "calibration_intercept", "calibration_in_the_large"}
)


@dataclass(frozen=True, eq=False)
class External:
    """What an external test found: plain data, the page is drawn from it.

    cohort: the cases that were scored; evaluation: part "external", group "recalibrated" where
    asked for, subgroups, and as points the thresholds of the model's card read here; internal: rows of
    parts "test" (where the model's project is at hand) and "tuning"; internal_curves: of that test part;
    case_mix: `auditing.compare_case_mix`; refused: cases left out, seen in training or unfit;
    unlabelled: cases without a reference; predictions: one row a case, part "external".
    """

    model: Model
    cohort: Cohort
    evaluation: Evaluation
    internal: tuple[Estimate, ...]
    case_mix: list[dict[str, Any]]
    refused: tuple[Fault, ...]
    unlabelled: tuple[str, ...]
    predictions: pd.DataFrame
    warnings: tuple[str, ...] = ()
    internal_curves: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def side_by_side(self) -> list[dict[str, Any]]:
        """A row a metric and class: {"metric", "class", "tuning", "test", "external", "recalibrated"}."""
        rows: dict[tuple[str, str | None], dict[str, Any]] = {}
        for row in (*self.internal, *self.evaluation.estimates):
            if row.group in (None, RECALIBRATED):
                own = rows.setdefault((row.metric, row.class_name), {"metric": row.metric, "class": row.class_name})
                own[row.group or row.part] = row.to_dict()
        return list(rows.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain data for external.json."""
        return {
            "model": self.model.name,
            "counts": {
                "found": len(self.cohort) + len(self.refused) + len(self.unlabelled),
                "used": len(self.cohort),
                "refused": len(self.refused),
                "unlabelled": len(self.unlabelled),
            },
            "decision": self.model.decision.told(),
            "refused": [asdict(fault) for fault in self.refused],
            "side_by_side": self.side_by_side(),
            "case_mix": self.case_mix,
            "warnings": list(self.warnings),
            "evaluation": self.evaluation.to_dict(),
            "internal_curves": self.internal_curves,
        }


def index(model: Model, input: str | Path, **how: Any) -> Cohort:
    """The external cohort, with the target that the model predicts; `how`: arguments of `ingest.index`."""
    roles = model.card.get("roles", {})
    defaults = {name: how.pop(name, ()) or roles.get(name, ()) for name in ("image", "mask")}
    defaults |= {"like": roles.get("like", ()), "inputs": model.card["inputs"] or None}
    return ingest.index(input, known=model.target, covariates=tuple(model.card["covariates"]), **defaults, **how)


def assess(
    model: Model,
    cohort: Cohort,
    *,
    internal: Evaluation | None = None,
    recalibrate: str = "none",
    ids_are_local: bool = False,
    subgroups: Sequence[str] = (),
    prevalences: Sequence[float] = (),
    seed: int = 0,
    store: str | None = None,
) -> External:
    """Score the model on the cohort; nothing is fitted but the recalibration that is asked for.

    internal: how the model did at home, of which the test part stands beside; subgroups: columns of
    the cohort; prevalences: at which predictive values are told. Raises SeenInTraining
    where no unseen case is left, InputDoesNotFit where none fits, UsageError for a recalibration
    that is not known or does not suit the target and for prevalences of a measurement, UnknownColumn for a subgroup.
    """
    _check_recalibration(recalibrate, model)
    checking.refuse_prevalences(prevalences, model.target)
    cohort = _of_target(model, cohort)
    predicting.check(model, cohort)
    facts, faults = (None, []) if cohort.features else preparation.facts(cohort.cases, store=store)
    known = seen(model.card, cohort, facts, ids_are_local=ids_are_local)
    refused = {fault.where: fault for fault in (*cohort.excluded, *faults, *known)}
    fresh = cohort.select(i for i in cohort.case_ids if i not in refused)
    if not len(fresh):
        first = next(iter(refused.values()))
        raise SeenInTraining(f"No case is left to test on: {first.reason}", first.remedy)
    list(subgroups_of(fresh, list(fresh.case_ids), subgroups))  # a wrong name is told before anything is scored
    said = predicting.predict(model, fresh, store)
    unfit = _unfit(said)
    refused |= {fault.where: fault for fault in unfit}
    kept = fresh.select(i for i in fresh.case_ids if i not in refused)
    table = scoring.beside_reference(_only(said, kept), kept, PART, model.decision)
    evaluation = scoring.evaluate_part(table, model.name, kept, seed=seed)
    if recalibrate != "none":
        evaluation = evaluation.joined(_recalibrated(recalibrate, table, model, kept, seed))
    evaluation = evaluation.joined(*scoring.of_subgroups(table, model.name, kept, subgroups, seed=seed))
    chosen = model.card.get("operating_points", ())
    points = scoring.read_points(chosen, table, kept, prevalences, seed=seed)
    unlike = predicting.doubts(model, _only(said, kept), kept)
    evaluation = replace(evaluation, points=tuple(points), warnings=(*unlike, *evaluation.warnings))
    mix = compare_case_mix(model.card.get("case_mix", []), describe_case_mix(kept))
    own, curves = _of_own_test(internal)
    rows = (*own, *_tuned(model))
    torn = torn_warning(kept) if model.decision.aggregation is not None else ()
    warnings = (*cohort.warnings, *_warnings(known), *torn, *evaluation.warnings)
    return External(
        model,
        kept,
        evaluation,
        rows,
        mix,
        tuple(refused.values()),
        cohort.unlabelled,
        table,
        tuple(dict.fromkeys(warnings)),
        curves,
    )


def _tuned(model: Model) -> list[Estimate]:
    """The card's out-of-fold numbers; none of probabilities where a calibrator was fitted on those very scores.

    Their slope is 1 there, whatever the model.
    """
    rows = [Estimate.from_dict(row) for row in model.card.get("tuning", ())]
    own = (model.decision.calibrator, *model.decision.calibrators)
    fitted = any(one is not None and not one.reason for one in own)
    return [row for row in rows if not (fitted and row.metric in _OF_PROBABILITIES | DISTANCES)]


def _check_recalibration(kind: str, model: Model) -> None:
    """Before anything is read or scored."""
    if kind == "none":
        return
    if model.target.is_value:
        raise UsageError(
            f"--recalibrate {kind} is about probabilities: '{model.target.column}' is a measurement.",
            "Leave --recalibrate out.",
        )
    if kind not in KINDS:
        raise UsageError(f"There is no recalibration called {kind!r}.", f"Choose one of: {', '.join(KINDS)}.")


def _of_own_test(found: Evaluation | None) -> tuple[list[Estimate], dict[str, list[dict[str, Any]]]]:
    """Estimates and curves of the test part, the curves of the whole."""
    if found is None:
        return [], {}
    curves = {
        kind: [curve for curve in some if curve["part"] == "test" and curve["group"] is None]
        for kind, some in found.curves.items()
    }
    return [row for row in found.estimates if row.part == "test"], curves


def _of_target(model: Model, cohort: Cohort) -> Cohort:
    """The cohort with the model's own target; BadTarget where it has none or knows other classes."""
    if cohort.target is None:
        raise BadTarget("This cohort has no reference to test against.", "Give its labels: --labels TABLE.")
    found = replace(cohort, target=replace(model.target, column=cohort.target.column))
    found.codes  # noqa: B018  raises BadTarget for a class that the model does not know
    return found


def _unfit(said: Prediction) -> list[Fault]:
    """Cases that the model refused, as faults."""
    flags = [""] * len(said) if said.flags is None else said.flags
    reasons = {str(i): str(f) for i, f in zip(said.case_id, flags, strict=True) if str(f).startswith("refused: ")}
    return [Fault(i, "InputDoesNotFit", reason.removeprefix("refused: ")) for i, reason in reasons.items()]


def _only(said: Prediction, cohort: Cohort) -> Prediction:
    return said.select(pd.Index(said.case_id).get_indexer(pd.Index(cohort.case_ids)))


def _warnings(known: Sequence[Fault]) -> list[str]:
    if not known:
        return []
    many = "case is" if len(known) == 1 else "cases are"
    return [f"{len(known)} {many} already known to the model and left out: {known[0].where}: {known[0].reason}"]


def _recalibrated(kind: str, table: pd.DataFrame, model: Model, cohort: Cohort, seed: int) -> Evaluation:
    """The same predictions after a recalibration learned here, each patient's on the other folds."""
    patients = scoring.by_patient(table)
    rows = table if patients is None else patients
    said = Prediction.from_table(rows)
    some = cohort.select(rows["case_id"])
    codes, groups = some.codes, pd.factorize(some.patients)[0].astype(np.int64)
    fold = allocate(groups, strata_of(some), (1 / FOLDS,) * FOLDS, np.random.default_rng(seed))
    assert said.proba is not None
    proba = said.proba.copy()
    for k in range(FOLDS):
        held = fold == k
        learned = calibrators(kind, model.target, said.proba[~held], codes[~held])
        proba[held] = Decision(model.target.classes, thresholds=model.decision.thresholds, **learned).calibrated(
            said.proba[held]
        )
    decision = replace(model.decision, calibrator=None, calibrators=())
    after = decision.predict(said.case_id, proba).table()
    after = rows.drop(columns=[c for c in after if c in rows and c != "case_id"]).merge(after, on="case_id")
    found = scoring.evaluate_part(after, model.name, cohort, group=RECALIBRATED, seed=seed)
    told = (
        f"The group '{RECALIBRATED}' ({kind}) shows what updating the model with these patients would bring; "
        f"cross-fitted in {FOLDS} folds."
    )
    # How well cases are ordered is not recalibration's to change; folds would only blur it.
    kept = tuple(row for row in found.estimates if row.metric in _OF_PROBABILITIES)
    curves = {"calibration": found.curves.get("calibration", [])}
    return Evaluation(model.name, kept, curves, warnings=(*found.warnings, told))
