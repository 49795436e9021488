"""What a model says about cases: plain columns, one row a case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_PROBA, _UNCALIBRATED = "probability_", "uncalibrated_"


@dataclass(frozen=True, eq=False)
class Prediction:
    """One row a case.

    case_id: (n,) str; for classes `classes` (k,) names, `proba` (n, k) and `label` (n,) the
    decided class; for regression `value` (n,). flags: (n,) text, "" where the input is like
    the training data, else what is unlike it. uncalibrated: (n, k) what the estimator itself
    said, where a calibrator stands between; else None. by_patient: the same by patient, its
    `case_id` the patient, where a model that answers for patients met known ones; patient_id: (n,)
    whose case each row is then, "case:<id>" of unknown ones, and n_cases: (n,) of its rows how many
    cases each rests on.
    """

    case_id: NDArray[np.object_]
    classes: tuple[str, ...] = ()
    proba: NDArray[np.float64] | None = None
    label: NDArray[np.object_] | None = None
    value: NDArray[np.float64] | None = None
    flags: NDArray[np.object_] | None = None
    uncalibrated: NDArray[np.float64] | None = None
    by_patient: Prediction | None = None
    patient_id: NDArray[np.object_] | None = None
    n_cases: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.case_id)

    @property
    def output(self) -> NDArray[np.float64]:
        """What the estimator said: (n, k) probabilities before any calibration, or (n, 1) values."""
        if self.value is not None:
            return self.value.reshape(-1, 1)
        found = self.proba if self.uncalibrated is None else self.uncalibrated
        assert found is not None
        return found

    def table(self) -> pd.DataFrame:
        """case_id, prediction, probability_<class>..., uncalibrated_<class>..., flags.

        Behind `case_id` stands `patient_id` where there is a `by_patient`; its own table has patient_id and n_cases
        in the place of `case_id`.
        """
        columns: dict[str, object] = {"case_id": self.case_id}
        if self.patient_id is not None:
            columns["patient_id"] = self.patient_id
        if self.n_cases is not None:
            columns = {"patient_id": self.case_id, "n_cases": self.n_cases}
        if self.proba is not None:
            columns["prediction"] = self.label
            columns |= {f"{_PROBA}{c}": self.proba[:, i] for i, c in enumerate(self.classes)}
            if self.uncalibrated is not None:
                columns |= {f"{_UNCALIBRATED}{c}": self.uncalibrated[:, i] for i, c in enumerate(self.classes)}
        else:
            columns["prediction"] = self.value
        if self.flags is not None:
            columns["flags"] = self.flags
        return pd.DataFrame(columns)

    @classmethod
    def from_table(cls, table: pd.DataFrame) -> Prediction:
        """The inverse of `table()`; other columns are ignored."""
        ids = table["case_id"].to_numpy(dtype=object)
        flags = table["flags"].to_numpy(dtype=object) if "flags" in table else None
        columns = [c for c in table.columns if c.startswith(_PROBA)]
        if not columns:
            return cls(ids, value=table["prediction"].to_numpy(dtype=np.float64), flags=flags)
        before = [c for c in table.columns if c.startswith(_UNCALIBRATED)]
        return cls(
            ids,
            tuple(c.removeprefix(_PROBA) for c in columns),
            table[columns].to_numpy(dtype=np.float64),
            table["prediction"].to_numpy(dtype=object),
            flags=flags,
            uncalibrated=table[before].to_numpy(dtype=np.float64) if before else None,
        )

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Prediction:
        """Some of the rows, as cases alone."""
        return Prediction(
            self.case_id[rows],
            self.classes,
            None if self.proba is None else self.proba[rows],
            None if self.label is None else self.label[rows],
            None if self.value is None else self.value[rows],
            None if self.flags is None else self.flags[rows],
            None if self.uncalibrated is None else self.uncalibrated[rows],
        )

    def with_refused(self, reasons: dict[str, str]) -> Prediction:
        """The same with rows for cases that were not predicted: empty, their flags say why."""
        if not reasons:
            return self
        n = len(reasons)
        flags = np.full(len(self), "", dtype=object) if self.flags is None else self.flags
        nothing, unknown = np.full(n, None, dtype=object), np.full((n, len(self.classes)), np.nan)
        return Prediction(
            np.concatenate([self.case_id, np.array(list(reasons), dtype=object)]),
            self.classes,
            None if self.proba is None else np.vstack([self.proba, unknown]),
            None if self.label is None else np.concatenate([self.label, nothing]),
            None if self.value is None else np.concatenate([self.value, np.full(n, np.nan)]),
            np.concatenate([flags, np.array(list(reasons.values()), dtype=object)]),
            None if self.uncalibrated is None else np.vstack([self.uncalibrated, unknown]),
        )
