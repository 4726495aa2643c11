"""Hold f0 tables of one or several methods against a reference: pair them, score them, compare the methods."""
