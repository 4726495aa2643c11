"""JSON schemas of our YAML files, and the words that a shell completes."""
