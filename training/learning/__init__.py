"""What is learned of a training set: the calibrated price, and the models of win and return on top of it."""
