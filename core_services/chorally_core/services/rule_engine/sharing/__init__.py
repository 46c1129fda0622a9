"""Who gets a ticket that a rule shares among several: whose turn it is, or who has least to do."""
