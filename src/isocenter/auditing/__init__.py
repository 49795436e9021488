"""What can be wrong with a cohort before anything is learned from it.

`audit` counts and reconciles, `duplicates` finds the same pixels or rows twice and what two parts
share, `suspicions` says what should not be missed, `exclusions` stops a study that lost too much,
`sample` says whether the cohort is large enough for what is planned.
`shortcuts` says whether the way images were made gives the answer away, `telling` whether one given column does.
For external tests: `casemix` says how two cohorts differ, `seen` whom a model has learned from.
"""

from isocenter.auditing.audit import Audit, audit_cohort
from isocenter.auditing.casemix import compare as compare_case_mix
from isocenter.auditing.casemix import describe as describe_case_mix
from isocenter.auditing.duplicates import Overlap, leaked, overlaps
from isocenter.auditing.exclusions import check_exclusions
from isocenter.auditing.sample import sample_size
from isocenter.auditing.seen import fingerprints, seen
from isocenter.auditing.shortcuts import alarms, metadata_auc
from isocenter.auditing.telling import telling_alarms, telling_columns

__all__ = [
    "Audit", "Overlap", "alarms", "audit_cohort", "check_exclusions", "compare_case_mix", "describe_case_mix",
    "fingerprints", "leaked", "metadata_auc", "overlaps", "sample_size", "seen",
    "telling_alarms", "telling_columns",
]  # fmt: skip
