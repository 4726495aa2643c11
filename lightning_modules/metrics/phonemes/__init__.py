"""Phoneme error rates."""
