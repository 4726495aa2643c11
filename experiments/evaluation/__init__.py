"""Compare f0 tables of one or several methods with a reference: pair them, score them, compare the methods."""
