"""Learning from the user's own corrections: from a review to weights of one's own."""
