"""`publish` copies the latest values, `tables` are the three it fills, `target` the project that has them."""
