-- Grain    one row per view in Feast's registry, of any kind: its table, its name, and the message that Feast keeps of it
-- Reads    feast.feature_views, feast.on_demand_feature_views, feast.stream_feature_views, feast.label_views
select 'feature_views' as kind, feature_view_name, feature_view_proto
from feast.feature_views where project_id = 'pikkit'
union all
select 'on_demand_feature_views', feature_view_name, feature_view_proto
from feast.on_demand_feature_views where project_id = 'pikkit'
union all
select 'stream_feature_views', feature_view_name, feature_view_proto
from feast.stream_feature_views where project_id = 'pikkit'
union all
select 'label_views', feature_view_name, feature_view_proto
from feast.label_views where project_id = 'pikkit'
order by 1, 2
