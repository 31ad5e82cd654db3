"""Images of a user's own."""
