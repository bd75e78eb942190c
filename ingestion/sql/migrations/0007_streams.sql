-- What a stream showed when it was read last, so that a source that lost columns or rows is told from one that has not changed.

alter table ops.sync_state
    -- the columns of a bet that its last sync found there; null while none has recorded them
    add column columns text[],
    -- those that it had and that it may be without: somebody said so (--without). Cleared when one comes back.
    add column without_columns text[] not null default '{}',
    -- all the rows of a table that its last whole sync could count; null while none has, and for files
    add column row_count bigint;
