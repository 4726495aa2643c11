"""Convolutions and LSTMs for phoneme recognition."""
