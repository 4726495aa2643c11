"""Where the bytes of a prepared directory are: in a folder, behind a URL, or behind a command."""
