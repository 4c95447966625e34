"""A submission's life, step by step; every step may run twice, be killed anywhere, or meet another run of its period."""
