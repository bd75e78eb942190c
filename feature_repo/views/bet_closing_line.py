"""How the price of one bet compared with the market's last price before the event, the closing line.

Grain     one row per bet and instant at which its closing line became known or changed
As of     `event_timestamp` is known_at
Written   by `pikkit run` to features.bet_closing_line_changes; Feast reads it through features.bet_closing_line
"""

from feature_repo.declarations.feast_objects import stored_view
from feature_repo.declarations.views import BET_CLOSING_LINE
from feature_repo.entities import bet

bet_closing_line = stored_view(BET_CLOSING_LINE, bet)
