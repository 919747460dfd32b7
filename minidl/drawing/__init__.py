"""Networks as drawings: which boxes there are, where they lie, and the picture that notebooks show."""
