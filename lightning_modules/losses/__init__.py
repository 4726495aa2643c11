"""Losses, further terms and penalties."""
