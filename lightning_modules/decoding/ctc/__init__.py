"""CTC decoders: from log-probabilities to symbols or words."""
