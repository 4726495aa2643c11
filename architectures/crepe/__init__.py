"""CREPE and what was made of it."""
