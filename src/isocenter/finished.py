"""What a project holds of a finished study, read as it stands: nothing is made again, nothing is predicted.

So a project can be exported on a machine that does not have the scans.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from isocenter import artefacts, methods, presenting, scoring, training
from isocenter.errors import MissingStep
from isocenter.model import Model
from isocenter.options import SPLIT, Options
from isocenter.paper import Finished
from isocenter.project import Project, fingerprint
from isocenter.reporting import Study
from isocenter.splitting import Design

_BESIDE = ("comparisons", "readers", "seeds", "sample_size", "learning")
_ROLES = ("primary", "compared", "floor")
_EVALUATE = "First run: isocenter evaluate (or isocenter run). An export does not look at the test part."


def finished(project: Project, options: Options) -> Finished:
    """The study that was evaluated; MissingStep where there is none, or where an earlier step was changed since."""
    _refuse_stale(project, options)
    audit, design = project.get(artefacts.AUDIT), project.get(artefacts.DESIGN)
    cohort = audit.usable(project.get(artefacts.COHORT))
    models = _models(project, options, design)
    evaluations = {name: project.get(artefacts.evaluation(name)) for name in models}
    scores = {name: project.get(artefacts.predictions(name)) for name in models}
    shown = {n: t[t["repeat"] == 0] for n, t in scores.items()} if design.several else scores
    study = Study(
        title=Path(options.input).name or "Study",
        cohort=cohort,
        design=design,
        audit=audit.to_dict(),
        models=[_card(model) for model in models.values()],
        evaluations=evaluations,
        predictions=shown,
        command=options.command(),
        options=asdict(options),
        versions=dict(next(iter(models.values())).card["versions"]),
        notes=cohort.notes,
        warnings=presenting.warnings(cohort, audit, design),
        units=scoring.patient_rows(shown),
    )
    decisions = {name: model.decision.told() for name, model in models.items()}
    return Finished(study, scores, decisions, **_beside(project.folder))


def _refuse_stale(project: Project, options: Options) -> None:
    """The split must be of this cohort and of these options."""
    cohort, audit, design = artefacts.COHORT, artefacts.AUDIT, artefacts.DESIGN
    if not project.names("evaluations"):
        raise MissingStep("This project has no evaluation yet.", _EVALUATE)
    audited = project.inputs(audit) == training.audit_inputs(project.inputs(cohort), options)
    if not audited or project.inputs(design) != fingerprint("split", project.inputs(audit), options.of(SPLIT)):
        raise MissingStep("The cohort or the split was changed after the evaluation.", _EVALUATE)


def _models(project: Project, options: Options, design: Design) -> dict[str, Model]:
    """The models that learned from this design and that the options ask for, the primary first and floors last."""
    learned = hashlib.sha256("\n".join(design.final.fitting).encode()).hexdigest()
    found = []
    for path in project.names("evaluations"):
        name = Path(path).stem
        model = project.get(artefacts.model(name))
        role, method = str(model.card["role"]), str(model.card["method"])
        wanted = role == _ROLES[-1] or method in options.method
        if wanted and model.card.get("training_fingerprint") == learned:
            place = options.method.index(method) if method in options.method else 0
            found.append((_ROLES.index(role), place, name, model))
    if not found:
        raise MissingStep("No method of this study was evaluated on its split.", _EVALUATE)
    return {name: model for _, _, name, model in sorted(found, key=lambda one: one[:3])}


def _card(model: Model) -> Mapping[str, Any]:
    """The card with every parameter, those left at their default too."""
    method = str(model.card["method"])
    defaults = methods.settings(method) if method in methods.METHODS else {}
    return {**model.card, "parameters": {**defaults, **model.card["parameters"]}}


def _beside(folder: Path | None) -> dict[str, Any]:
    """Comparisons, readers, seeds, sample size, learning curve and external tests, as far as the project has them."""
    if folder is None:
        return {}
    external = {path.parent.name: _json(path) for path in sorted(folder.glob("external/*/external.json"))}
    found = {
        name: _json(folder / f"{name}.json") for name in ("comparisons", "readers", "seeds", "sample_size", "learning")
    }
    return {name: told for name, told in found.items() if told} | {"external": external}


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8")) if path.is_file() else None
