"""CREPE and its variants."""
