"""The Feast project. Its tag keeps `feast teardown` and `feast projects delete` from emptying a store in use."""

from feast import Project

from feature_repo.servers.connections import PROJECT

pikkit = Project(
    name=PROJECT,
    description="Features for models that predict the profit of sports bets.",
    tags={"feast.dev/protected-project": "true"},
)
