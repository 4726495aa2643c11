"""What `melisma prepare` does: from a corpus to shards."""
