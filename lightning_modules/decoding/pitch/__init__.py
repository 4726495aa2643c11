"""Pitch decoders: from salience to f0."""
