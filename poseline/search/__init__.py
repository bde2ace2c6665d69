"""Search for the models that are best within a board's budget: Optuna's studies, our chains."""
