"""The Feast project. Its tag keeps `feast teardown` and `feast projects delete` from emptying a store in use."""

from feast import Project

pikkit = Project(
    name="pikkit",
    description="Features for models that predict the profit of sports bets.",
    tags={"feast.dev/protected-project": "true"},
)
