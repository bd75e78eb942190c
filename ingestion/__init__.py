"""Acts: the only code that connects to stores and sources, reads the environment, prints, and raises our errors."""
