"""Specs of lesson 00."""

NUMBER = 0
ORDER = (  # as in the notebooks: an answer may borrow what comes before it
    "standardize",
    "one_hot",
    "accuracy",
    "batches",
)
