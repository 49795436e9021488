"""The fixed list of what a bundle may hold. Whatever is not here is neither saved nor loaded.

Every name here was looked at: loading sets attributes and calls no code that a file could choose.
Estimators that keep indices or arrays for compiled code are checked further: `trees`, `machines`.
"""

from __future__ import annotations

from functools import cache

TREE = "sklearn.tree._tree.Tree"
_HISTOGRAM = "sklearn.ensemble._hist_gradient_boosting"
ORDINAL, LABELS = "isocenter.methods.composed.Ordinal", "isocenter.methods.composed.OneVsRest"
SIGMOIDS = "isocenter.methods.svm.SupportVectors"
FORESTS = frozenset(
    f"sklearn.ensemble._forest.{kind}{what}"
    for kind in ("ExtraTrees", "RandomForest")
    for what in ("Classifier", "Regressor")
)
BOOSTING = frozenset(f"{_HISTOGRAM}.gradient_boosting.HistGradientBoosting{w}" for w in ("Classifier", "Regressor"))
MACHINES = {"sklearn.svm._classes.SVC": "classification", "sklearn.svm._classes.SVR": "regression"}
COMPOSED = frozenset({ORDINAL, LABELS})
ESTIMATORS = frozenset(
    {
        "sklearn.compose._target.TransformedTargetRegressor",
        "sklearn.decomposition._pca.PCA",
        "sklearn.dummy.DummyClassifier",
        "sklearn.dummy.DummyRegressor",
        "sklearn.feature_selection._variance_threshold.VarianceThreshold",
        "sklearn.impute._base.MissingIndicator",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.linear_model._base.LinearRegression",
        "sklearn.linear_model._coordinate_descent.ElasticNet",
        "sklearn.linear_model._coordinate_descent.Lasso",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.linear_model._logistic.LogisticRegressionCV",
        "sklearn.linear_model._ridge.Ridge",
        "sklearn.linear_model._ridge.RidgeCV",
        "sklearn.linear_model._ridge.RidgeClassifier",
        "sklearn.pipeline.FeatureUnion",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._data.RobustScaler",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder",
        "sklearn.preprocessing._encoders.OrdinalEncoder",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._classes.ExtraTreeClassifier",
        "sklearn.tree._classes.ExtraTreeRegressor",
        f"{_HISTOGRAM}.predictor.TreePredictor",
        SIGMOIDS,
        "isocenter.features.harmonised.Harmonised",
        "isocenter.features.joined.Joined",
        "isocenter.tables.filters.Correlated",
        "isocenter.tables.filters.Missing",
        "isocenter.tables.filters.NearConstant",
        "isocenter.tables.filters.Reliable",
        "isocenter.tables.selection.Select",
        *FORESTS,
        *BOOSTING,
        *MACHINES,
        *COMPOSED,
    }
)
# What boosting keeps of its training and does not predict with, or what is made again from its parameters.
LEFT_OUT = dict.fromkeys(
    BOOSTING, frozenset({"_bin_mapper", "_feature_subsample_rng", "_label_encoder", "_loss", "_random_seed"})
)
SCALARS = frozenset(f"numpy.{n}" for n in ("bool", "float32", "float64", "int8", "int32", "int64", "uint8", "str_"))
KEYS = frozenset({"builtins.str", "builtins.int", "builtins.float"})

# Parameters that say where or how fast, never what: saved as None, and refused when they are not.
# A folder named by a file from elsewhere would be written to.
UNSAVED = frozenset({"memory", "n_jobs", "store", "weights"})


@cache
def objects() -> frozenset[str]:
    """Estimators and feature steps, by their full names."""
    from isocenter.features import FEATURES

    ours = {place.replace(":", ".") for place in FEATURES.values()}
    return ESTIMATORS | {name for name in ours if name.startswith("isocenter.features.")}


# skops names the kind of every node; each kind may only build these types.
@cache
def kinds() -> dict[str, frozenset[str]]:
    return {
        "JsonNode": frozenset({"builtins.str"}),
        "DictNode": frozenset({"builtins.dict"}),
        "ListNode": frozenset({"builtins.list"}),
        "TupleNode": frozenset({"builtins.tuple"}),
        "TypeNode": KEYS | SCALARS,
        "DTypeNode": frozenset({"numpy.dtype"}),
        "NdArrayNode": SCALARS | {"numpy.ndarray"},
        "TreeNode": frozenset({TREE}),
        "ObjectNode": objects(),
    }


def name_of(found: type) -> str:
    """Full name, as the list has it."""
    return f"{found.__module__}.{found.__qualname__}"
