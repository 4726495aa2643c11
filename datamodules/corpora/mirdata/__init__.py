"""Corpora that `mirdata` has readers for."""
