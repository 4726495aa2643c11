"""Recordings to answers: f0, notes, classes and phones by a released or a trained model."""
