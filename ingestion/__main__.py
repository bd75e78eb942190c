"""`python -m ingestion` is `pikkit`: the command that is installed, with the verbs of training, which stands above."""

from importlib.metadata import entry_points

(pikkit,) = entry_points(group="console_scripts", name="pikkit")
pikkit.load()()
