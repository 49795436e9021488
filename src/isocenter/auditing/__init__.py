"""What can be wrong with a cohort before anything is learned from it.

`audit` counts and reconciles, `duplicates` finds the same pixels or rows twice and what two parts
share, `suspicions` says what should not be missed, `exclusions` stops a study that lost too much.
"""

from isocenter.auditing.audit import Audit, audit_cohort
from isocenter.auditing.duplicates import Overlap, leaked, overlaps
from isocenter.auditing.exclusions import check_exclusions

__all__ = ["Audit", "Overlap", "audit_cohort", "check_exclusions", "leaked", "overlaps"]
