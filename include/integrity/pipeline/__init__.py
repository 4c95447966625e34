"""A submission's life; every step may run twice, be killed anywhere, or meet another run of its period."""
