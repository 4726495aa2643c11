"""Melody metrics, equal to mir_eval's."""
