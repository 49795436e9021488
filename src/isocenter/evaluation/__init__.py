"""Estimates with intervals: from predictions and reference, never from a model.

`nouns` holds what comes out, `single` evaluates one set of predictions, `folded` those of a design
of several splits (`dependent`: what their folds are worth together). `compared` sets methods against
each other, `claims` says what that allows to claim.
"""

from isocenter.evaluation.claims import Comparison
from isocenter.evaluation.compared import compare_methods
from isocenter.evaluation.folded import evaluate_folds
from isocenter.evaluation.nouns import BY_IMAGE, Estimate, Evaluation
from isocenter.evaluation.single import HEADLINES, evaluate, headline

__all__ = [
    "BY_IMAGE", "HEADLINES", "Comparison", "Estimate", "Evaluation", "compare_methods", "evaluate", "evaluate_folds",
    "headline",
]  # fmt: skip
