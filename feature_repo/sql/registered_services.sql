-- Grain    one row per service that Feast's registry holds of a project
-- Reads    feast.feature_services
-- Params   project
select feature_service_name, feature_service_proto
from feast.feature_services
where project_id = %(project)s
order by feature_service_name
