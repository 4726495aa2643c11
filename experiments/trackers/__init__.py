"""Pitch trackers that `melisma compare` runs: public ones, each in its documented settings, and trained ones of ours.

A public tracker runs in a process of its own, by this interpreter or by that of another environment. Hence the file of
each imports its package and numpy and nothing of melisma; `catalogue` says which there are.
"""
