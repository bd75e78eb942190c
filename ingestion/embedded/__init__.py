"""The home, the processes, and one module for each of the two servers; `servers` starts and stops them together."""
