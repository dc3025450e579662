"""Specs of lesson 04."""

NUMBER = 4
ORDER: tuple[str, ...] = (  # as in the notebooks: an answer may borrow what comes before it
    "impute",
    "note_tokens",
    "TabularTokens",
    "ConcatFusion",
    "CrossAttentionFusion",
    "quadratic_weighted_kappa",
    "permutation_importance",
    "train_eye_grader",
)
