"""From a corpus to shards: `melisma prepare`."""
