"""The media service: files that people of ours upload, kept until nobody needs them."""
