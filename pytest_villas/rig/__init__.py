"""Rigs: their files, where they are found, how they are started, leased and used."""
