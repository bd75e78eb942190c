"""What Feast's registry may change and execute: pinned services, functions of our own, views of the user's own."""
