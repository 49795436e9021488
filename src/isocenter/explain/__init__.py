"""Why a model says what it says."""

from isocenter.explain.importance import permutation_importance

__all__ = ["permutation_importance"]
