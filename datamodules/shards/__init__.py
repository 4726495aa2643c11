"""The shard format and its index. Nothing here knows a corpus or how shards were prepared."""
