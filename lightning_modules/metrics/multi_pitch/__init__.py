"""Metrics of several pitches in each frame, equal to mir_eval's."""
