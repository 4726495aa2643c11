"""Pitch trackers that are held against a reference: public ones, each in its documented settings, and our own.

A public tracker runs in a process of its own, by this interpreter or by that of another environment. Hence the file of
each imports its package and numpy and nothing of melisma; `catalogue` says which there are.
"""
