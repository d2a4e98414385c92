"""How good a model's lists are: what counts as right, one metric per function, intervals over users."""
