"""What is kept of training: models in their directories, datasets, and what is served of a model."""
