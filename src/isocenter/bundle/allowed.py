"""The fixed list of what a bundle may hold. Whatever is not here is neither saved nor loaded.

Every name here was looked at: loading sets attributes and calls no code that a file could choose.
Estimators that keep indices for compiled code (trees) are checked further in `trees`.
"""

from __future__ import annotations

from functools import cache

TREE = "sklearn.tree._tree.Tree"
ESTIMATORS = frozenset(
    {
        "sklearn.decomposition._pca.PCA",
        "sklearn.dummy.DummyClassifier",
        "sklearn.dummy.DummyRegressor",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.ExtraTreesRegressor",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._forest.RandomForestRegressor",
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
    }
)
SCALARS = frozenset(f"numpy.{n}" for n in ("bool", "float32", "float64", "int8", "int32", "int64", "uint8", "str_"))
KEYS = frozenset({"builtins.str", "builtins.int", "builtins.float"})

# Parameters that say where or how fast, never what: saved as None, and refused when they are not.
# A folder named by a file from elsewhere would be written to.
UNSAVED = frozenset({"memory", "n_jobs", "store"})


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
