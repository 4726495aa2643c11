"""What code a file may name that somebody else has written."""
