"""What every network has to beat, as scripts that print their figures."""
