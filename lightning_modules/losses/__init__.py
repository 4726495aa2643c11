"""What training minimises: losses, further terms, penalties, and weights that change over time."""
