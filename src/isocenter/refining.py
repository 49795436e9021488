"""What is done to features before a method learns from them, as it was asked for; composed by `recipes`.

The order is fixed: harmonised, missing, near constant, unreliable, correlated, selected; then imputed. Declared
covariates are passed by: who declared them wants them in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from isocenter.cohort import Task
from isocenter.errors import UsageError
from isocenter.features.harmonised import Harmonised, feature_steps, harmonised_in
from isocenter.tables.filters import Correlated, Missing, NearConstant, Reliable
from isocenter.tables.narrowing import Narrowing
from isocenter.tables.selection import WAYS, Select

PERTURBED = "perturbed"  # what --reliable takes in place of a table
FILTERS = {"missing": 0.5, "constant": 0.0, "correlation": 0.95}  # names and what they take if nothing is said
KEEP, MIN_ICC = 20, 0.75
NAMED = 5  # removed features that are told by name


@dataclass(frozen=True)
class Refining:
    """missing: largest share of missing values; constant: near-constant features go; correlation: largest
    correlation; iccs, min_icc: reliability; perturbed: by masks that are perturbed, which radiomics measure; select,
    keep: how many are chosen, and how; harmonise: column of sites. None or False: not done.
    """

    missing: float | None = None
    constant: bool = False
    correlation: float | None = None
    iccs: tuple[tuple[str, float], ...] | None = None
    min_icc: float = MIN_ICC
    select: str | None = None
    keep: int = KEEP
    harmonise: str | None = None
    reference_site: str | None = None
    preserve: tuple[str, ...] = ()
    perturbed: bool = False

    @classmethod
    def of(cls, filters: Iterable[str] = (), **given: Any) -> Refining:
        """From the options' own values; UsageError for what cannot be."""
        found = cls(**_filters(filters), **given)
        if found.select is not None and found.select not in WAYS:
            raise UsageError(f"--select {found.select} is not known.", f"Choose {', '.join(WAYS)}.")
        if found.keep < 1:
            raise UsageError(f"--keep {found.keep} leaves nothing.", "Give 1 or more.")
        if not 0 <= found.min_icc <= 1:
            raise UsageError(f"--min-icc {found.min_icc:g} cannot be.", "Give a value such as 0.75.")
        if found.harmonise is None and (found.reference_site is not None or found.preserve):
            raise UsageError("--reference-site and --preserve are about --harmonise COLUMN.", "Name the column.")
        return found

    def around(self, step: Any) -> Any:
        """A feature step, harmonised if that was asked for."""
        if self.harmonise is None:
            return step
        return Harmonised(step, self.harmonise, self.reference_site, self.preserve)

    def filters(self, spare: tuple[str, ...] = ()) -> list[tuple[str, Narrowing]]:
        """Unfitted steps that look at features only, by name; spare: beginnings of names to pass by."""
        found: list[tuple[str, Narrowing]] = []
        if self.missing is not None:
            found.append(("missing", Missing(self.missing, spare)))
        if self.constant:
            found.append(("constant", NearConstant(spare=spare)))
        if self.iccs is not None:
            found.append(("reliable", Reliable(self.iccs, self.min_icc, spare)))
        if self.correlation is not None:
            found.append(("correlation", Correlated(self.correlation, spare)))
        return found

    def steps(self, task: Task, spare: tuple[str, ...]) -> list[tuple[str, Narrowing]]:
        """Unfitted steps between features and imputation: `filters`, then the selection."""
        found = self.filters(spare)
        if self.select is not None:
            found.append(("select", Select(self.select, self.keep, task.value, spare)))
        return found


def told(pipeline: Any) -> list[dict[str, Any]]:
    """What each step of a fitted pipeline did, as plain values for the card."""
    ways = dict.fromkeys(getattr(step, "standardise", None) for step in feature_steps(pipeline))
    found: list[dict[str, Any]] = [{"step": "standardise", "how": how} for how in ways if how is not None]
    for step in feature_steps(pipeline):
        if (least := getattr(step, "perturbed", None)) is not None:
            found.append({"step": "perturbed", "least": least, "left": len(step.names_), **_gone(step.unreliable_)})
    for step in harmonised_in(pipeline):
        counts = dict(zip(step.sites_, step.counts_, strict=True))
        found.append(
            {
                "step": "harmonise",
                "site": step.site,
                "sites": counts,
                "reference": step.reference,
                "preserved": list(step.preserve),
            }
        )
    for name, step in pipeline.steps:
        if isinstance(step, Narrowing):
            own = {k: v for k, v in step.get_params(deep=False).items() if k not in ("spare", "correlations", "task")}
            known = {"left": step.left, **_gone(_bare(step.gone_, pipeline))}
            if isinstance(step, Reliable):
                unknown = _bare(step.unknown, pipeline)
                below = [one for one in _bare(step.gone_, pipeline) if one not in unknown]
                known |= {"names": below[:NAMED], "unknown": _gone(unknown)}
            found.append({"step": name, **own, **known})
    return found


def _gone(names: list[str]) -> dict[str, Any]:
    """How many features a step removed, and the first of them."""
    return {"removed": len(names), "names": names[:NAMED]}


def _bare(names: list[str], pipeline: Any) -> list[str]:
    """Without the feature step that a union has put before them."""
    steps = [f"{name}__" for name, _ in getattr(pipeline.named_steps.get("features"), "transformer_list", ())]
    return [next((name.removeprefix(step) for step in steps if name.startswith(step)), name) for name in names]


def _filters(given: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if name not in FILTERS or (name == "constant" and equals):
            raise UsageError(
                f"There is no filter '{text}'.",
                "Filters of features: missing=0.5, constant, correlation=0.95; filters of images: --image-filters.",
            )
        if name == "constant":
            found[name] = True
            continue
        try:
            number = float(value) if equals else FILTERS[name]
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise UsageError(
                f"--filters {text} cannot be.", f"Give a number of 0 to 1, such as {name}={FILTERS[name]}."
            )
        found[name] = number
    return found
