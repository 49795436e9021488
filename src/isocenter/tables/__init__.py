"""Tables of features made fit for learning: pure on (n, p) numbers, each step fitted on training cases only.

`narrowing` (what all steps that drop columns share), `filters` (missing, near-constant, correlated,
unreliable), `reliability` (intraclass correlations from repeated measurements), `selection` (mRMR,
univariate, elastic net), `combat` (harmonisation across sites, as a formula; the step is
`features.harmonised`). Constructor parameters and what is learned are plain, so bundles save them.
"""
