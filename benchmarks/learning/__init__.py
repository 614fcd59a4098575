"""What recipes learn: trains them, scores their features and generators image by image, and sums up in tables and a figure."""
