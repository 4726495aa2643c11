"""Checkpoints that are read, and what of them is checked before anybody uses it."""
