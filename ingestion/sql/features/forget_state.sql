-- Writes   features.group_state, emptied for a replay of the whole log
delete from features.group_state
