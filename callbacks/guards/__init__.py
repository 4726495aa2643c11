"""What stands between a long training and the ways in which it is lost."""
