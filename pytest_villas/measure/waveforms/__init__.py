"""What samples say: how a response compares with its reference."""
