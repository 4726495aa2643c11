"""Corpora that are computed: their f0 is exact by construction."""
