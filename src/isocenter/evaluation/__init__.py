"""Estimates with intervals: from predictions and reference, never from a model.

`nouns` holds what comes out, `single` evaluates one set of predictions, `folded` those of a design
of several splits (`dependent`: what their folds are worth together).
"""

from isocenter.evaluation.folded import evaluate_folds
from isocenter.evaluation.nouns import BY_IMAGE, Estimate, Evaluation
from isocenter.evaluation.single import HEADLINES, evaluate, headline

__all__ = ["BY_IMAGE", "HEADLINES", "Estimate", "Evaluation", "evaluate", "evaluate_folds", "headline"]
