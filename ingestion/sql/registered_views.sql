-- Grain    one row per feature view in Feast's registry: its name, and the message that Feast keeps of it
-- Reads    feast.feature_views
select feature_view_name, feature_view_proto from feast.feature_views where project_id = 'pikkit'
