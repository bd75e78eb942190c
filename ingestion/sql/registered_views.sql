-- Grain    one row per feature view in Feast's registry
-- Reads    feast.feature_views
select feature_view_name from feast.feature_views where project_id = 'pikkit'
