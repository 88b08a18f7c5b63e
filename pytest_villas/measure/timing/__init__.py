"""When samples were sent and came: matched, counted, timed, and judged by their quantiles."""
