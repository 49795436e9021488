"""Estimates with intervals: from predictions and reference, never from a model.

`nouns` holds what comes out, `single` evaluates one set of predictions.
"""

from isocenter.evaluation.nouns import BY_IMAGE, Estimate, Evaluation
from isocenter.evaluation.single import evaluate, headline

__all__ = ["BY_IMAGE", "Estimate", "Evaluation", "evaluate", "headline"]
