-- Grain    one row per view that was copied online
-- Reads    features.watermark
-- Writes   ops.materializations: no copy is of a later refresh than there is
update ops.materializations
set online_watermark = least(materializations.online_watermark, watermark.features_watermark)
from features.watermark
