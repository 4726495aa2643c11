"""Tables of what was predicted."""
