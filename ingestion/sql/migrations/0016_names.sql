-- Names of the glossary (docs/glossary.md) for watermarks and log positions. Views and privileges follow by themselves.

-- Up to which version of the log the features have followed it, and the clock of the last successful refresh.
alter table features.reach rename to watermark;
alter table features.watermark rename column seq to log_position;
alter table features.watermark rename column refreshed_at to features_watermark;
alter table features.watermark rename constraint reach_pkey to watermark_pkey;
alter table features.watermark rename constraint reach_only_row_check to watermark_only_row_check;

-- Up to which features watermark and log position each view has been copied to the online store.
alter table ops.materializations rename column refreshed_at to online_watermark;
alter table ops.materializations rename column seq to log_position;

-- When the newest version that the stream brought became known.
alter table ops.sync_state rename column high_water_mark to source_watermark;
