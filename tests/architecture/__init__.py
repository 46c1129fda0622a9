"""What must hold for the repository as a whole, apart from what the code does."""
