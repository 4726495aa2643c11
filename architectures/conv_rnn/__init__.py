"""Convolutions and GRUs for utterance classification."""
