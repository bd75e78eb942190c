"""A trained model in MLflow, where a tracking server is configured."""
