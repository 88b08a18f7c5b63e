"""The report for people: one HTML file that opens from disk and asks nobody for anything."""
