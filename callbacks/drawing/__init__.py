"""Pictures of validations, on disk and in the logger."""
