"""Real voices synthesised again by WORLD with other contours."""
