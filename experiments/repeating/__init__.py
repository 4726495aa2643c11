"""Runs repeated from their records, and what two runs differ in."""
