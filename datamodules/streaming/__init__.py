"""Training from shards behind a URL or a pipe, by webdataset's pipeline: not exact."""
