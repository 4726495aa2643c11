"""The files that answers are written as."""
