"""What people see of runs and verdicts."""
