"""How recordings lie on disk: audio files, tables, arrays, folders, pairs, manifests."""
