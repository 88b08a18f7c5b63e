"""Replay: send at absolute deadlines, stamp what arrives, decode and judge afterwards."""
