"""Shards behind a URL or a pipe, read with webdataset's own pipeline: not exact."""
