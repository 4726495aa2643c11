"""What jsonargparse reads of a user's, within bounds."""
