"""What lies on disk: audio files, f0 tables, arrays, lists and dictionaries, and what the files' names say."""
