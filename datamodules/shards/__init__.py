"""The shard format and its index; nothing here depends on corpora or preparation."""
