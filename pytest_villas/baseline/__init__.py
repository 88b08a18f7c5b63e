"""What a test measured before, stored, and held against what it measures now."""
