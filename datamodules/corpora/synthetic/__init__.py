"""Corpora that are computed, whose f0 is exact by construction."""
