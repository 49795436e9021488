"""A finished study for a paper: figures, tables, data behind them, and a draft of methods and tables.

`nouns` says what goes in; `tables`, `data` and `methods` know (plain data); `document` and `writing` show.
Nothing is computed here that `evaluation` has not computed, and no prediction is made.
"""

from isocenter.paper.nouns import Finished
from isocenter.paper.writing import write

__all__ = ["Finished", "write"]
