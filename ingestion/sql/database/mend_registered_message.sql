-- Grain    one row: a view in Feast's registry whose message is replaced, if it still is what was read
-- Writes   one of the tables of views in schema feast
-- Params   name, message, read
update feast.{kind} set feature_view_proto = %(message)s
where project_id = 'pikkit' and feature_view_name = %(name)s and feature_view_proto = %(read)s
