-- Grain    one row per object of Feast's registry, of all projects: its table, its project, and the message that Feast keeps of it;
--          of a view with the name of its row and a zero byte, which no text has, before it
-- Reads    the tables of Feast's registry, where its address has them looked up
-- Params   none
select 'data_sources' as kind, project_id, data_source_proto as message from data_sources
union all
select 'entities', project_id, entity_proto from entities
union all
select 'feature_services', project_id, feature_service_proto from feature_services
union all
select 'permissions', project_id, permission_proto from permissions
union all
select 'saved_datasets', project_id, saved_dataset_proto from saved_datasets
union all
select 'validation_references', project_id, validation_reference_proto from validation_references
union all
select kind, project_id, convert_to(name, 'UTF8') || decode('00', 'hex') || message
from (
    select 'feature_views' as kind, project_id, feature_view_name as name, feature_view_proto as message from feature_views
    union all
    select 'label_views', project_id, feature_view_name, feature_view_proto from label_views
    union all
    select 'on_demand_feature_views', project_id, feature_view_name, feature_view_proto from on_demand_feature_views
    union all
    select 'stream_feature_views', project_id, feature_view_name, feature_view_proto from stream_feature_views
) as views
