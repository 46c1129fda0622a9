"""What serves the ports: the embedded back ends."""
