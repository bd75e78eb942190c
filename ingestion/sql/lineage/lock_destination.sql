-- Grain    one row: up to which event the destination has all; none where another session sends to it now
-- Reads    ops.lineage_destinations
-- Params   destination
select sent_position
from ops.lineage_destinations
where destination = %(destination)s
for update skip locked
