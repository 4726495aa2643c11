"""A run and its folder: configuration, record, checkpoints, signals, printed scores."""
