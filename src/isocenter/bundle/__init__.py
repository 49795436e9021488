"""Saving and loading a Model without pickle: one `.iso` file, every byte of it vouched for.

    manifest.json     version of the format, SHA-256 of every other member
    card.json         target, decision and card
    estimator.skops   what was learned: nothing of the test part, no dates, no paths, so that the
                      same training gives the same bytes

A SHA-256 tells damage, not malice: who can write a bundle can write its digests too. So nothing
in it is believed: types come from a fixed list (`allowed`), sizes are capped, indices of trees
are checked. No code from a bundle is ever run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from isocenter import disk
from isocenter.bundle import archive, reader, writer
from isocenter.cohort import Target, Task
from isocenter.errors import DamagedBundle
from isocenter.metrics.recalibration import Calibrator
from isocenter.model import Decision, Model

__all__ = ["load", "save"]

CARD, ESTIMATOR = "card.json", "estimator.skops"
MEMBERS = frozenset({CARD, ESTIMATOR})


def save(model: Model, path: str | Path) -> None:
    """Write `model` to `path`, all or nothing.

    The model itself is not touched; stores, cache folders and thread counts of its steps are not
    saved. NaN in the card becomes null. UnsafeFile where it holds a type that could not be loaded.
    """
    card = {"target": asdict(model.target), "decision": asdict(model.decision), "card": dict(model.card)}
    members = {CARD: archive.canonical(_plain(card)), ESTIMATOR: writer.dumps(model.estimator)}
    disk.write_bytes(disk.as_path(path, "A bundle"), archive.pack(members))


def load(path: str | Path) -> Model:
    """Read what `save` wrote; MissingPath, DamagedBundle, UnsafeFile, OtherVersion, UsageError (what is no path)."""
    path = disk.as_path(path, "A saved model")
    members = archive.unpack(archive.read(path), MEMBERS, path.name)
    with archive.refusing(path.name):
        estimator = reader.loads(members[ESTIMATOR])
        model = _model(json.loads(members[CARD]), estimator)
        _check_width(model)
    return model


def _model(told: Mapping[str, Any], estimator: Any) -> Model:
    target, decision = dict(told["target"]), dict(told["decision"])
    target |= {"task": Task(target["task"]), "classes": tuple(target["classes"])}
    decision["classes"] = tuple(decision["classes"])
    decision["thresholds"] = tuple(float(t) for t in decision.get("thresholds", ()))
    decision["calibrators"] = tuple(Calibrator.from_dict(one) for one in decision.get("calibrators", ()))
    if decision.get("calibrator") is not None:
        decision["calibrator"] = Calibrator.from_dict(decision["calibrator"])
    model = Model(estimator, Target(**target), Decision(**decision), dict(told["card"]))
    if model.decision.classes != model.target.classes:
        raise DamagedBundle("The decision's classes are not those of the target.", "Fit the model again.")
    return model


def _check_width(model: Model) -> None:
    """The card names as many features as some step of the estimator takes, where both say."""
    named = model.card.get("feature_names")
    steps = [step for _, step in getattr(model.estimator, "steps", [("", model.estimator)])]
    widths = {int(step.n_features_in_) for step in steps if hasattr(step, "n_features_in_")}
    if named and widths and len(named) not in widths:
        raise DamagedBundle(
            f"The card names {len(named)} features, the estimator takes {min(widths)}.", "Fit the model again."
        )


def _plain(value: Any) -> Any:
    """Numbers and containers as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value
