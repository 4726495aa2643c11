"""A sweep of Weights & Biases without an account: proposed, run, resumed and recorded here."""
