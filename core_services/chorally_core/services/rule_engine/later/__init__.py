"""What rules answer after time has passed: how tickets are known to be, what is due of them, and when."""
