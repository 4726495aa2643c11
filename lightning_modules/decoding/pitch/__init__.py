"""From salience to f0."""
