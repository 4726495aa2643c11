"""f0 over time, and the files that hold it."""
