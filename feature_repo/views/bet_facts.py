"""What was known of one bet when it was placed: its price, stake and categories.

Grain     one row per bet and instant at which the record of its placement changed
As of     `event_timestamp` is time_placed
Written   by `pikkit run` to features.bet_facts_changes; Feast reads it through features.bet_facts
"""

from feature_repo.declarations.feast_objects import stored_view
from feature_repo.declarations.views import BET_FACTS
from feature_repo.entities import bet

bet_facts = stored_view(BET_FACTS, bet)
