"""The soak test: many processes over real servers, and everything that can go wrong around them, under load."""
