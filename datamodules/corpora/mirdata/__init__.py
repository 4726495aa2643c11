"""Data sets that the library mirdata reads."""
