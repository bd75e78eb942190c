-- Grain    one row per key: the newest with an instant in [since, until]; of equal instants the last created
-- Reads    source
select {distinct} {columns}
from {source} as latest
where {instant} between {since} and {until} and {keys_only}
order by {order}
