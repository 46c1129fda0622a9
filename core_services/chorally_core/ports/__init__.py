"""What the services need, each a narrow protocol; adapters serve them."""
